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

ArrayWriter = Callable[[NDArray[Any]], Any]


class JsonValues:
    """Returns values in types of JSON. Thread-safe.

    Numbers, texts, lists, mappings, dataclasses and numpy scalars are kept, and arrays of up to ``max_elements``; an object
    with a method ``__json__`` is what that returns. A larger array, and the pixels of a picture, UINT8 [height, width, 3 or 4],
    are what ``describe`` returns, another object ``{"type": "module.Name"}``, with its shape if it has one: tensors of torch
    and others may be on a device. NaN and infinity, which JSON does not have, become texts.
    """

    def __init__(self, max_elements: int, describe: ArrayWriter, *, max_depth: int) -> None:
        self._max_elements, self._describe, self._max_depth = max_elements, describe, max_depth

    def write(self, value: Any, depth: int = 0) -> Any:
        """Return ``value`` in types of JSON; what is nested deeper than ``max_depth`` is described by its type."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if depth >= self._max_depth:
            return describe_type(value)
        if isinstance(value, np.ndarray | np.generic):
            return self.write_array(np.asarray(value), depth)
        return self._write_collection(value, depth + 1)

    def write_array(self, array: NDArray[Any], depth: int) -> Any:
        """Return an array in types of JSON."""
        if array.size > self._max_elements or _is_pixels(array):
            return self._describe(array)
        # bfloat16 has the kind "V", as records have.
        values = array.astype(np.float32) if array.dtype.kind == "V" and not array.dtype.names else array
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
        return self.write_object(value, depth)

    def write_object(self, value: Any, depth: int) -> Any:
        """Return an object that is no number, text or collection in types of JSON."""
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {each.name: self.write(getattr(value, each.name), depth) for each in dataclasses.fields(value)}
        if isinstance(value, os.PathLike):
            return os.fsdecode(value)
        return describe_type(value)


def _is_pixels(array: NDArray[Any]) -> bool:
    # Of a small picture too: what a field holds must not depend on the size of the picture.
    return array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4)


def describe_type(value: Any) -> dict[str, str]:
    """Return the type of ``value`` by its name, with its shape if it has one."""
    kind = type(value)
    shape = getattr(value, "shape", None)
    described = {"type": f"{kind.__module__}.{kind.__qualname__}"}
    return {**described, "shape": str(list(shape))} if isinstance(shape, tuple) else described
