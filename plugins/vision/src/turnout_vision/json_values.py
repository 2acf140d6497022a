"""Values of any step in types of JSON."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from turnout.tensors import describe

# Of an array: a line of results is read by people too.
MAX_ELEMENTS = 1000
MAX_DEPTH = 8


def to_json(value: Any, depth: int = 0) -> Any:
    """Return ``value`` in types of JSON.

    Numbers, texts, lists, mappings, dataclasses, numpy scalars and arrays of up to 1,000 elements are kept. Another array
    becomes ``{"array": "FP32 [3, 224, 224]"}``, another object ``{"type": "module.Name"}``. NaN and infinity, which JSON does
    not have, become texts.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth >= MAX_DEPTH:
        return _describe_type(value)
    if isinstance(value, np.ndarray | np.generic):
        return _array_to_json(np.asarray(value), depth)
    return _collection_to_json(value, depth + 1)


def _array_to_json(array: np.ndarray[Any, Any], depth: int) -> Any:
    # Neither objects nor records are tensors; bfloat16 has the kind "V" too.
    if array.dtype.kind in "OMmc" or array.dtype.names:
        return to_json(array.tolist(), depth + 1) if array.size <= MAX_ELEMENTS else _describe_type(array)
    if array.size > MAX_ELEMENTS:
        return {"array": describe(array)}
    values = array.astype(np.float32) if array.dtype.kind == "V" else array
    return to_json(values.tolist(), depth + 1)


def _collection_to_json(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {str(key): to_json(item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item, depth) for item in value]
    if isinstance(value, AbstractSet):
        return sorted((to_json(item, depth) for item in value), key=str)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json(getattr(value, each.name), depth) for each in dataclasses.fields(value)}
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    # Tensors of torch and others know how to become an array, but may be on a device.
    return _describe_type(value)


def _describe_type(value: Any) -> dict[str, str]:
    kind = type(value)
    shape = getattr(value, "shape", None)
    described = {"type": f"{kind.__module__}.{kind.__qualname__}"}
    return {**described, "shape": str(list(shape))} if isinstance(shape, tuple) else described
