"""Tensors in JSON, as KServe v2 writes them: ``{"datatype": "FP32", "shape": [2, 3], "data": [...]}``."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError, InvalidTensorError
from turnout.tensors import BYTES, as_bytes_elements, dtype_of, from_binary

_KEYS = frozenset(("datatype", "shape", "data"))
# Of numpy's kinds of what a list holds, those that fit each kind of a datatype; an empty list is one of floats.
_FITS = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "V": "iuf", "O": "U"}


def is_tensor_object(value: object) -> bool:
    """Return whether ``value`` is an object with the three keys of a tensor."""
    return isinstance(value, dict) and value.keys() == _KEYS


def tensor_of_object(name: str, value: dict[str, Any]) -> NDArray[Any]:
    """Return the array; ``data`` are the elements in a list, flat or nested, or the raw little-endian bytes as base64.

    Raises:
        InvalidInputError: the parts do not fit together.
    """
    datatype, shape, data = value["datatype"], value["shape"], value["data"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise InvalidInputError(f"input {name!r} has the shape {shape!r:.80}; write a list of sizes, as [2, 3]", field=name)
    try:
        dtype = dtype_of(datatype if isinstance(datatype, str) else repr(datatype)[:40])
        if isinstance(data, str):
            return from_binary(base64.b64decode(data, validate=True), datatype, shape, name)
        return _array_of_list(data, datatype, dtype).reshape(shape)
    except InvalidTensorError as error:
        raise InvalidInputError(f"input {name!r}: {error.message}", field=name) from error
    except (ValueError, TypeError, OverflowError) as error:
        what = f"{datatype} {shape} needs {math.prod(shape)} elements of that datatype in its data, in a list or as base64"
        raise InvalidInputError(f"input {name!r}: {what}: {error}", field=name) from error


def _array_of_list(data: Any, datatype: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not isinstance(data, list):
        raise TypeError(f"its data are {type(data).__name__}")
    elements = np.asarray(data)
    if elements.size and elements.dtype.kind not in _FITS[dtype.kind]:
        raise TypeError(f"its data are {elements.dtype} for numpy")
    if datatype == BYTES:
        return as_bytes_elements(elements.astype(object))
    if dtype.kind in "iu" and elements.size:
        limits = np.iinfo(dtype)
        if elements.min() < limits.min or elements.max() > limits.max:
            raise OverflowError(f"the range is {limits.min} to {limits.max}")
    return elements.astype(dtype)
