"""Tensors as JSON numbers and texts, both ways."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidRequestError, InvalidTensorError
from turnout.tensors import BYTES, datatype_of, dtype_of

_INTEGERS = frozenset((int,))
_FLOATS = frozenset((int, float))
_WANTED = {"BOOL": (frozenset((bool,)), "true and false"), BYTES: (frozenset((str,)), "texts")}
_encode = msgspec.json.Encoder().encode
_LARGE = (np.dtype(np.int64), np.dtype(np.uint64))


def array_of(data: object, datatype: str, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Return the tensor that the list ``data`` holds, nested or flat, in row-major order.

    Raises:
        InvalidTensorError: it is no list, or has another number or another kind of elements.
    """
    if type(data) is not list:
        raise InvalidTensorError(f"'data' of input {name!r} is a list, as [1, 2] or [[1], [2]]; send one", field=name)
    elements = _flat(data)
    size = math.prod(shape)
    if len(elements) != size:
        raise InvalidTensorError(
            f"'data' of input {name!r} has {len(elements)} elements, and its shape {list(shape)} takes {size}; correct one",
            field=name,
        )
    dtype = dtype_of(datatype)
    _check_kinds(elements, datatype, name)
    try:
        return _array(elements, datatype, dtype).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise InvalidTensorError(
            f"'data' of input {name!r} has a number that {datatype} does not hold; send numbers of its range", field=name
        ) from error


def list_of(array: NDArray[Any], name: str) -> list[Any]:
    """Return the elements of an output in row-major order, as JSON has them.

    Raises:
        InvalidRequestError: an element of BYTES is not UTF-8.
    """
    datatype = datatype_of(array.dtype)
    if datatype == BYTES:
        return _texts(array, name)
    if datatype in ("FP16", "BF16"):
        array = array.astype(np.float32)
    elements: list[Any] = array.ravel().tolist()
    return elements


def numbers_text(array: NDArray[Any]) -> bytes:
    """Return the JSON list of an array of FP32, FP64 or integers, as ``list_of`` has it."""
    elements = array.ravel().tolist()
    text = _encode(elements)
    # It writes null for what JSON has no number for.
    return json.dumps(elements).encode() if b"n" in text else text


def _flat(data: list[Any]) -> list[Any]:
    # One level at a time, in C; the limit of the JSON's depth is the limit of this loop.
    while list in set(map(type, data)):
        data = list(chain.from_iterable(part if type(part) is list else (part,) for part in data))
    return data


def _check_kinds(elements: Sequence[Any], datatype: str, name: str) -> None:
    kinds, wanted = _WANTED.get(datatype) or (
        (_FLOATS, "numbers") if datatype in ("FP16", "BF16", "FP32", "FP64") else (_INTEGERS, "whole numbers")
    )
    found = set(map(type, elements)) - kinds
    if found:
        index = next(index for index, element in enumerate(elements) if type(element) not in kinds)
        raise InvalidTensorError(
            f"'data' of input {name!r} {datatype} is a list of {wanted}, and element {index} is {elements[index]!r:.60}; "
            "correct it, or its datatype",
            field=name,
        )


def _array(elements: list[Any], datatype: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    if datatype == BYTES:
        texts: NDArray[Any] = np.empty(len(elements), dtype=object)
        # Half a surrogate pair is no text: UnicodeEncodeError is a ValueError.
        texts[:] = [element.encode() for element in elements]
        return texts
    if dtype.kind not in "iu":
        # A large number becomes an infinity in FP32, without numpy's warning.
        with np.errstate(over="ignore"):
            return np.array(elements, dtype=np.float64 if dtype.kind in "fV" else dtype).astype(dtype)
    wide = np.array(elements, dtype=np.uint64 if dtype.kind == "u" else np.int64)
    if dtype not in _LARGE and wide.size and (wide.max() > np.iinfo(dtype).max or wide.min() < np.iinfo(dtype).min):
        raise OverflowError
    return wide.astype(dtype, copy=False)


def _texts(array: NDArray[Any], name: str) -> list[str]:
    elements = array.ravel().tolist()
    try:
        return [element if type(element) is str else element.decode() for element in elements]
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"output {name!r} has bytes that are not UTF-8, which JSON does not hold; ask for it with "
            "'parameters': {'binary_data': true}",
            field="outputs",
        ) from error
