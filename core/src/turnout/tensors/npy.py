"""Arrays in numpy's ``.npy`` form, read by a grammar of their own.

numpy evaluates the header as a Python literal, which ends in many kinds of exceptions, and allocates what the header says
before it knows whether so much follows.
"""

from __future__ import annotations

import math
import re
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
_MAX_HEADER = 10_000
_MAX_RANK = 32
_PIECE = 1 << 20
_LAST_CHARACTER = 0x10FFFF
_ITEM = re.compile(
    r"""\s*(['"])(?P<key>descr|fortran_order|shape)\1\s*:\s*"""
    r"""(?:(['"])(?P<dtype>[^'"]{1,20})\3|(?P<flag>True|False)|\((?P<shape>[0-9,\s]*)\))\s*"""
)
_DTYPE = re.compile(r"[<>|=]?(?:\?|[biufcSU][0-9]{1,9})")


def read_npy(stream: IO[bytes], size: int) -> NDArray[Any]:
    """Return the array of ``stream``, which has ``size`` bytes: exactly one array of numbers or texts.

    Raises:
        ValueError: it has another form, or other than ``size`` bytes.
    """
    header, length = _read_header(stream)
    dtype, shape, fortran = _parse_header(header)
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - length:
        raise ValueError(f"an array of {dtype} {list(shape)} has {expected} bytes, and {size - length} are there")
    array = np.empty(shape, dtype, order="F" if fortran else "C")
    _fill(array, stream)
    if dtype.kind == "b" and np.any(array.view(np.uint8) > 1):
        raise ValueError("an array of bool has a byte that is neither 0 nor 1")
    if dtype.kind == "U" and np.any(_code_points(array) > _LAST_CHARACTER):
        raise ValueError("an array of texts has an invalid character")
    return array


def _code_points(array: NDArray[Any]) -> NDArray[np.uint32]:
    if not array.nbytes:
        return np.empty(0, np.uint32)
    return array.reshape(-1, order="A").view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))


def _read_header(stream: IO[bytes]) -> tuple[str, int]:
    start = _read(stream, 8)
    size = _LENGTH_BYTES.get(start[6])
    if start[:6] != _MAGIC or size is None:
        raise ValueError("it is no .npy array of version 1, 2 or 3")
    length = int.from_bytes(_read(stream, size), "little")
    if length > _MAX_HEADER:
        raise ValueError(f"the header of an array has {_MAX_HEADER} bytes at most, this one has {length}")
    return _read(stream, length).decode("latin-1"), 8 + size + length


def _read(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise ValueError("the header of an array is cut short")
    return data


def _parse_header(header: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    text, found = header.strip(), {}
    inner = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else ""
    while match := _ITEM.match(inner):
        found[match["key"]] = match["dtype"] or match["flag"] or match["shape"]
        inner = inner[match.end() :].removeprefix(",")
    if inner.strip() or found.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError(f"the header of an array is {text!r:.100}, not that of an array of numbers or texts")
    return _dtype(found["descr"]), _shape(found["shape"]), found["fortran_order"] == "True"


def _dtype(text: str) -> np.dtype[Any]:
    if not _DTYPE.fullmatch(text):
        raise ValueError(f"an array of dtype {text!r:.40} cannot be read; only numbers and texts can, and no objects")
    try:
        return np.dtype(text)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _shape(text: str) -> tuple[int, ...]:
    sizes = [size.strip() for size in text.split(",") if size.strip()]
    if len(sizes) > _MAX_RANK or not all(size.isdecimal() and len(size) <= 18 for size in sizes):
        raise ValueError(f"an array has the shape ({text!r:.60}); it may have {_MAX_RANK} sizes of 18 digits")
    return tuple(map(int, sizes))


def _fill(array: NDArray[Any], stream: IO[bytes]) -> None:
    data = array.reshape(-1, order="A").view(np.uint8) if array.nbytes else np.empty(0, np.uint8)
    for start in range(0, data.size, _PIECE):
        piece = stream.read(min(_PIECE, data.size - start))
        data[start : start + len(piece)] = np.frombuffer(piece, np.uint8)
        if len(piece) < min(_PIECE, data.size - start):
            raise ValueError("an array is cut short")
    if stream.read(1):
        raise ValueError("bytes follow an array")
