"""Values of steps in types of JSON."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError
from turnout.tensors import datatype_of, describe
from turnout_web.pipelines.masks import Mask, is_mask

# A larger array is a tensor for a model, or pixels; a person reads neither as JSON.
MAX_ELEMENTS = 10_000
_MAX_DEPTH = 16


class ValueWriter:
    """Returns values in types of JSON; a mask as ``write_mask`` returns it. Thread-safe.

    Numbers, texts, lists, mappings, dataclasses, numpy scalars and arrays of up to 10,000 elements are kept, and an object with
    a method ``__json__`` is what that returns. A larger array becomes ``{"datatype": "FP32", "shape": [3, 224, 224]}``, another
    object ``{"type": "module.Name"}``. NaN and infinity, which JSON does not have, become texts.
    """

    def __init__(self, write_mask: Callable[[Mask], dict[str, Any]]) -> None:
        self._write_mask = write_mask

    def write(self, value: Any, depth: int = 0) -> Any:
        """Return ``value`` in types of JSON."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if depth >= _MAX_DEPTH:
            return _describe_type(value)
        if is_mask(value):
            return self._write_mask(value)
        if isinstance(value, np.ndarray | np.generic):
            return self._write_array(np.asarray(value), depth)
        return self._write_collection(value, depth + 1)

    def _write_array(self, array: NDArray[Any], depth: int) -> Any:
        if array.size > MAX_ELEMENTS:
            return _describe_array(array)
        # bfloat16 has the kind "V".
        is_small_float = array.dtype.kind == "V" and not array.dtype.names
        values = array.astype(np.float32) if is_small_float else array
        return self.write(values.tolist(), depth + 1)

    def _write_collection(self, value: Any, depth: int) -> Any:
        if callable(own := getattr(type(value), "__json__", None)):
            return self.write(own(value), depth)
        if isinstance(value, Mapping):
            return {str(key): self.write(item, depth) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.write(item, depth) for item in value]
        if isinstance(value, AbstractSet):
            return sorted((self.write(item, depth) for item in value), key=str)
        return self._write_object(value, depth)

    def _write_object(self, value: Any, depth: int) -> Any:
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace") if len(value) <= MAX_ELEMENTS else {"bytes": len(value)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {each.name: self.write(getattr(value, each.name), depth) for each in dataclasses.fields(value)}
        if isinstance(value, os.PathLike):
            return os.fsdecode(value)
        return _describe_type(value)


def _describe_array(array: NDArray[Any]) -> dict[str, Any]:
    try:
        return {"datatype": datatype_of(array.dtype), "shape": list(array.shape)}
    except InvalidTensorError:
        return {"array": describe(array)}


def _describe_type(value: Any) -> dict[str, str]:
    kind = type(value)
    return {"type": f"{kind.__module__}.{kind.__qualname__}"}
