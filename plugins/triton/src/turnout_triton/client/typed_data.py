"""Tensors as typed values, which KServe v2 servers without the binary extension send and take, from and to the binary form."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from turnout.tensors import BYTES, dtype_of, from_binary, to_binary
from turnout_triton.client.messages import Buffer, TensorHead

_NUMBERS = {"b": (bool, int), "i": (int,), "u": (int,), "f": (int, float), "V": (int, float)}  # V: bfloat16


def binary_of(values: Any, head: TensorHead, content_type: str = "") -> Buffer:
    """Return the binary form of ``values``, nested or flat, which are the tensor of ``head``.

    ``content_type`` ``base64`` is MLServer's for texts.

    Raises:
        ValueError: they are of another datatype, or more or fewer than the shape says.
        OverflowError: a number does not fit the datatype.
    """
    flat = list(_flatten(values))
    if len(flat) != math.prod(head.shape):
        raise ValueError(f"{len(flat)} values for {head.datatype} {list(head.shape)}")
    if head.datatype == BYTES:
        return to_binary(np.array([_element(value, content_type) for value in flat], object), head.name)
    dtype = dtype_of(head.datatype)
    for value in flat:
        if not isinstance(value, _NUMBERS[dtype.kind]) or _is_misplaced(value, dtype):
            raise ValueError(f"{value!r} is no {head.datatype}")
    return to_binary(np.array(flat, dtype), head.name)


def values_of(buffer: Buffer, head: TensorHead) -> list[Any]:
    """Return the tensor of ``head`` as flat values for JSON.

    Raises:
        ValueError: JSON cannot hold it: bytes that are not UTF-8, or a number that is not finite.
    """
    array = from_binary(buffer, head.datatype, head.shape, head.name).reshape(-1)
    if head.datatype == BYTES:
        return [bytes(element).decode("utf-8") for element in array]
    if head.datatype == "BF16":
        array = array.astype(np.float32)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"tensor {head.name!r} has a number that is not finite, which JSON does not have")
    return array.tolist()


def _flatten(values: Any) -> Iterator[Any]:
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        yield values
        return
    for value in values:
        yield from _flatten(value)


def _is_misplaced(value: Any, dtype: np.dtype[Any]) -> bool:
    """Return whether ``value`` is true or false among numbers, or a number other than 0 and 1 among booleans."""
    if dtype.kind == "b":
        return value not in (0, 1)
    return isinstance(value, bool)


def _element(value: Any, content_type: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004  # a broken response, as the other cases
    return base64.b64decode(value, validate=True) if content_type == "base64" else value.encode("utf-8")
