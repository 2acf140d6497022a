"""The body of a request: read with one copy at most, and unpacked within the limit of its size."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import numpy as np
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from turnout.errors import InvalidRequestError
from turnout_web.limits.json_body import too_large
from turnout_web.problems import Problem

_ALIGNMENT = 64
_PIECE_BYTES = 1 << 16
_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}

Body = bytes | memoryview


async def read_body(receive: Receive, declared: bytes | None, data_offset: int) -> Body:
    """Return the body; ``declared`` is its length as the header has it.

    In a large one the byte at ``data_offset`` is aligned, so that an array of the data need not be copied.

    Raises:
        ClientDisconnect: the client left before the end of its request.
    """
    message = await receive()
    first = _part(message)
    if not message.get("more_body", False):
        return first
    if declared is not None:
        return await _read_into(_memory(int(declared), data_offset), first, receive)
    parts = [first]
    while message.get("more_body", False):
        message = await receive()
        parts.append(_part(message))
    return b"".join(parts)


async def _read_into(body: memoryview, part: bytes, receive: Receive) -> memoryview:
    size, more = 0, True
    while True:
        body[size : size + len(part)] = part
        size += len(part)
        if not more:
            return body[:size]
        message = await receive()
        part, more = _part(message), message.get("more_body", False)


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    part: bytes = message.get("body", b"")
    return part


def _memory(size_bytes: int, data_offset: int) -> memoryview:
    memory = np.empty(size_bytes + _ALIGNMENT, np.uint8)  # not zeroed, as a bytearray would be
    start = -(memory.__array_interface__["data"][0] + data_offset) % _ALIGNMENT
    return memory.data[start : start + size_bytes]


async def unpacked(body: Body, encoding: bytes, most_bytes: int) -> Body:
    """Return the body that is packed in ``body``; a large one is unpacked in a thread.

    Raises:
        Problem: 415 for an unknown encoding, 413 if it has more than ``most_bytes``.
        InvalidRequestError: it is broken.
    """
    encoding = encoding.strip().lower()
    if encoding in (b"", b"identity"):
        return body
    window_bits = _WINDOW_BITS.get(encoding)
    if window_bits is None:
        known = "gzip, deflate"
        raise Problem(
            415,
            f"the encoding {encoding.decode('latin-1')!r} of the body is not known; send {known} or none",
            headers={"Accept-Encoding": known},
        )
    if len(body) <= _PIECE_BYTES:
        return _unpack(body, window_bits, most_bytes)
    return await asyncio.to_thread(_unpack, body, window_bits, most_bytes)


def _unpack(body: Body, window_bits: int, most_bytes: int) -> bytes:
    unpacker, parts, size = zlib.decompressobj(window_bits), bytearray(), 0
    try:
        # In pieces: 64 kB of zeros grow to 64 MB, of which no more than the limit may be made.
        for start in range(0, len(body), _PIECE_BYTES):
            parts += unpacker.decompress(body[start : start + _PIECE_BYTES], most_bytes + 1 - size)
            size = len(parts)
            if size > most_bytes:
                raise too_large(None, most_bytes)
    except zlib.error as error:
        raise InvalidRequestError(f"the body cannot be unpacked: {error}; send it as its Content-Encoding says") from error
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidRequestError("the packed body has no end, or more after its end; send it whole")
    return bytes(parts)


def packed(body: bytes, accepted: bytes) -> tuple[bytes, bytes]:
    """Return ``body`` in the form that a client accepts, and the name of that form; empty if that is the body itself."""
    for name in (b"gzip", b"deflate"):
        if name in accepted:
            packer = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS[name])
            return packer.compress(body) + packer.flush(), name
    return body, b""


def length_of(header: bytes | None, most: int) -> int | None:
    """Return the length that a header says, None if there is none.

    Raises:
        InvalidRequestError: it is no number of bytes up to ``most``.
    """
    if header is None:
        return None
    if not header.isdigit() or len(header) > 18 or int(header) > most:
        found: Any = header.decode("latin-1")
        raise InvalidRequestError(
            f"Inference-Header-Content-Length is the bytes of the JSON, 0 to {most} in this body, got {found!r:.40}"
        )
    return int(header)
