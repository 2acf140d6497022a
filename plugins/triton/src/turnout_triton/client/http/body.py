"""Memory for the bodies of responses, and compressed ones."""

from __future__ import annotations

import re
import time
import zlib
from http.client import HTTPException

import numpy as np

from turnout_triton.client.messages import Buffer

_SMALL_BYTES = 65_536
_PIECE_BYTES = 2**20
_PACKED_PIECE_BYTES = 2**14
_ALIGNMENT = 64


class OversizedResponseError(HTTPException):
    """The response is larger than the request allows."""


def check_size(size_bytes: int, most: int) -> None:
    """Raise OversizedResponseError if ``size_bytes`` is more than ``most``."""
    if size_bytes > most:
        raise OversizedResponseError(f"{size_bytes} bytes, more than {most}")


def allocate(size_bytes: int, data_offset: str) -> memoryview:
    """Return memory for a body; in a large one the byte at ``data_offset``, if that is a number, is aligned.

    Raises:
        HTTPException: there is not so much memory.
    """
    try:
        if size_bytes < _SMALL_BYTES:
            return memoryview(bytearray(size_bytes))
        memory = np.empty(size_bytes + _ALIGNMENT, np.uint8)  # not zeroed, as a bytearray would be
    except (MemoryError, OverflowError, ValueError) as error:
        raise HTTPException(f"no memory for a body of {size_bytes} bytes") from error
    # The JSON before the data has any length: unaligned, an array of the data would have to be copied.
    offset = int(data_offset) if re.fullmatch("[0-9]{1,18}", data_offset) else 0
    start = -(memory.__array_interface__["data"][0] + offset) % _ALIGNMENT
    return memory.data[start : start + size_bytes]


def decompress(packed: memoryview, window_bits: int, most: int, deadline: float) -> memoryview:
    """Return the body that ``packed`` holds.

    Raises:
        OversizedResponseError: it is larger than ``most``.
        TimeoutError: the deadline passed.
        zlib.error: it is broken.
    """
    unpacker, body = zlib.decompressobj(window_bits), bytearray()
    # In small pieces both ways: a piece of zeros grows a thousandfold, and what it leaves unread is copied each time.
    for start in range(0, len(packed), _PACKED_PIECE_BYTES):
        rest: Buffer = packed[start : start + _PACKED_PIECE_BYTES]
        is_full = True
        while (rest or is_full) and not unpacker.eof:
            limit = min(_PIECE_BYTES, most + 1 - len(body))
            piece = unpacker.decompress(rest, limit)
            body += piece
            check_size(len(body), most)
            if time.monotonic() > deadline:
                raise TimeoutError
            # A full piece may have more behind it, in the unpacker, though all of the packed one is read.
            rest, is_full = unpacker.unconsumed_tail, len(piece) == limit
    if not unpacker.eof:
        raise zlib.error("the compressed body is incomplete")
    return memoryview(body)
