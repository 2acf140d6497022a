"""The raw binary form of a tensor in the KServe v2 protocol.

Numbers are little-endian in row-major order; BOOL is one byte; a BYTES element is its length as a little-endian UINT32 followed
by the bytes (Open Inference Protocol v2, "Tensor Data" and the binary tensor data extension).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidTensorError
from turnout.tensors.datatypes import BYTES, datatype_of, dtype_of
from turnout.tensors.elements import as_bytes_elements

_LENGTH = struct.Struct("<I")


def to_binary(array: NDArray[Any], name: str = "") -> bytes:
    """Return the raw bytes of ``array``, bit for bit, whatever its strides or byte order.

    Raises:
        InvalidTensorError: the dtype has no KServe datatype, or a BYTES element is neither bytes nor text.
    """
    if datatype_of(array.dtype) == BYTES:
        elements = as_bytes_elements(array, name)
        return b"".join(_LENGTH.pack(len(element)) + element for element in elements.flat)
    return np.asarray(array, dtype=array.dtype.newbyteorder("<")).tobytes(order="C")


def from_binary(data: bytes | memoryview, datatype: str, shape: Sequence[int], name: str = "") -> NDArray[Any]:
    """Return a new, writable array of ``shape`` read from its raw bytes.

    Raises:
        InvalidTensorError: the length of ``data`` does not fit ``shape`` and ``datatype``, or a size is negative.
    """
    dtype = dtype_of(datatype)
    if any(size < 0 for size in shape):
        raise InvalidTensorError(f"tensor {name!r} {datatype} has shape {list(shape)}; the sizes of data are 0, 1, 2, ...")
    # math.prod, because numpy's product overflows on sizes that a client made up.
    count = math.prod(shape)
    if datatype == BYTES:
        return _read_elements(bytes(data), count, name).reshape(tuple(shape))
    length = memoryview(data).nbytes
    if length != count * dtype.itemsize:
        raise InvalidTensorError(f"tensor {name!r} {datatype} {list(shape)} takes {count * dtype.itemsize} bytes, got {length}")
    if datatype == "BOOL" and np.any(np.frombuffer(data, np.uint8) > 1):
        raise InvalidTensorError(f"tensor {name!r} BOOL has a byte that is neither 0 nor 1")
    array = np.frombuffer(data, dtype=dtype.newbyteorder("<")).astype(dtype, copy=True)
    return array.reshape(tuple(shape))


def _read_elements(data: bytes, count: int, name: str) -> NDArray[Any]:
    if count * _LENGTH.size > len(data):
        raise InvalidTensorError(
            f"tensor {name!r} BYTES of {count} elements takes {count * _LENGTH.size} bytes or more, got {len(data)}"
        )
    elements: NDArray[Any] = np.empty(count, dtype=object)
    offset = 0
    for index in range(count):
        end = offset + _LENGTH.size
        length = _LENGTH.unpack_from(data, offset)[0] if end <= len(data) else 0
        offset = end + length
        if offset > len(data):
            raise InvalidTensorError(f"tensor {name!r} BYTES ends in element {index} of {count}")
        elements[index] = data[end:offset]
    if offset != len(data):
        raise InvalidTensorError(f"tensor {name!r} BYTES has {len(data) - offset} bytes after its {count} elements")
    return elements
