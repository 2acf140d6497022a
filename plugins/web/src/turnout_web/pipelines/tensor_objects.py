"""Tensors in JSON, as KServe v2 writes them: ``{"datatype": "FP32", "shape": [2, 3], "data": [...]}``."""

from __future__ import annotations

import base64
from typing import Any

from numpy.typing import NDArray

from turnout.errors import InvalidInputError, InvalidTensorError
from turnout.tensors import dtype_of, from_binary
from turnout_web.kserve.json_data import array_of

_KEYS = frozenset(("datatype", "shape", "data"))


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
    if not isinstance(datatype, str):
        raise InvalidInputError(f"input {name!r} has the datatype {datatype!r:.40}; write a text, as 'FP32'", field=name)
    try:
        if isinstance(data, str):
            return from_binary(base64.b64decode(data, validate=True), datatype, shape, name)
        dtype_of(datatype)
        return array_of(data, datatype, tuple(shape), name)
    except InvalidTensorError as error:
        raise InvalidInputError(f"input {name!r}: {error.message}", field=name) from error
    except ValueError as error:
        what = "write its elements in a list, or their bytes as base64"
        raise InvalidInputError(f"input {name!r} has data that are no base64; {what}", field=name) from error
