"""One request and its response over one HTTP connection, within a deadline."""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from turnout_triton.client.messages import Buffer

# What servers say about themselves, and their errors.
MAX_DESCRIPTION_BYTES = 4 * 2**20
_SMALL_BYTES = 65_536
_PIECE_BYTES = 2**20
_PACKED_PIECE_BYTES = 2**14
_ALIGNMENT = 64
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; ``parts`` are its body.

    ``data_offset_header`` names the response header with the offset of tensor data in its body: they are aligned in memory.
    A response of more than ``max_response_bytes`` is refused, one with an error of more than 4 MiB.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parts: Sequence[Buffer] = ()
    data_offset_header: str = ""
    max_response_bytes: int = MAX_DESCRIPTION_BYTES

    @property
    def size_bytes(self) -> int:
        """The size of the body."""
        return sum(len(part) for part in self.parts)


class OversizedResponseError(http.client.HTTPException):
    """The response is larger than the request allows."""


class BasedConnection(http.client.HTTPConnection):
    """A connection over ``sock``, on which every path has ``base_path`` in front; ``generation`` is the pool's."""

    def __init__(self, host: str, port: int, sock: socket.socket, base_path: str, generation: int) -> None:
        super().__init__(host, port)
        self.sock = sock  # http.client itself would connect without the deadline
        self.base_path = base_path
        self.generation = generation


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Status, headers by lower-case name, and body; ``reusable`` is True if the connection can carry another request."""

    status: int
    headers: Mapping[str, str]
    body: memoryview
    reusable: bool


def compress(request: HttpRequest, coding: str) -> HttpRequest:
    """Return ``request`` with its body compressed by ``gzip`` or ``deflate``, which the response's body may be too."""
    headers = {**request.headers, "accept-encoding": coding}
    if not request.parts:
        return replace(request, headers=headers)
    packer = zlib.compressobj(wbits=_WINDOW_BITS[coding])
    body = b"".join([*(packer.compress(part) for part in request.parts), packer.flush()])
    return replace(request, headers={**headers, "content-encoding": coding}, parts=(body,))


def round_trip(connection: BasedConnection, request: HttpRequest, deadline: float) -> HttpResponse:
    """Send ``request`` and return the response, whatever its status.

    Raises:
        TimeoutError: the deadline passed.
        OSError: the connection broke.
        http.client.HTTPException: the response is not HTTP, was cut short, or is too large.
        zlib.error: the response's compressed body is broken.
    """
    is_sent = _send(connection, request, deadline)
    connection.response_class = _timed_response(deadline)  # type: ignore[assignment]  # called, not subclassed
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    most = request.max_response_bytes if response.status < 300 else MAX_DESCRIPTION_BYTES
    try:
        body = _read(response, headers.get(request.data_offset_header, ""), most)
    except BaseException:
        response.close()  # else its socket outlives the connection's end where the server said "connection: close"
        raise
    coding = headers.get("content-encoding", "")
    if coding in _WINDOW_BITS:
        body = _decompress(body, _WINDOW_BITS[coding], most, deadline)
    return HttpResponse(response.status, headers, body, reusable=is_sent and not response.will_close)


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a deadline, however slowly the bytes come."""

    # A socket's own timeout starts again with each byte: a server that trickles its response would never reach it.
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _set_timeout(self._sock, self._deadline)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """The part of a socket that ``http.client.HTTPResponse`` uses."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._reader = _TimedReader(sock, deadline)

    def makefile(self, _: str) -> io.BufferedReader:
        """Return a reader that keeps the deadline."""
        return io.BufferedReader(self._reader)


def _timed_response(deadline: float) -> Callable[..., http.client.HTTPResponse]:
    # http.client has no deadline, but its response class can be replaced, and of the socket that only calls makefile().
    def response(sock: socket.socket, *, method: str) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_TimedSocket(sock, deadline), method=method)  # type: ignore[arg-type]

    return response


def _send(connection: BasedConnection, request: HttpRequest, deadline: float) -> bool:
    """Send ``request``; return False if the server stopped reading."""
    try:
        _send_all(connection, request, deadline)
    except (BrokenPipeError, ConnectionResetError):
        # A server that refuses a body responds before it has read it; that response is still there to be read.
        return False
    return True


def _send_all(connection: BasedConnection, request: HttpRequest, deadline: float) -> None:
    _set_timeout(connection.sock, deadline)
    connection.putrequest(request.method, connection.base_path + request.path, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    size = request.size_bytes
    connection.putheader("content-length", str(size))
    if size < _SMALL_BYTES:  # one send for headers and body
        connection.endheaders(b"".join(request.parts))
        return
    connection.endheaders()
    for part in request.parts:  # joining large tensors would copy them
        _set_timeout(connection.sock, deadline)
        connection.send(memoryview(part))


def _read(response: http.client.HTTPResponse, data_offset: str, most: int) -> memoryview:
    if response.length is None:
        return _read_unmeasured(response, most)
    if response.length > most:
        raise OversizedResponseError(f"{response.length} bytes, more than {most}")
    body = _allocate(response.length, int(data_offset) if re.fullmatch("[0-9]{1,18}", data_offset) else 0)
    filled = 0
    while filled < len(body):
        got = response.readinto(body[filled:])
        if not got:
            raise http.client.IncompleteRead(b"", len(body) - filled)
        filled += got
    response.close()
    return body


def _read_unmeasured(response: http.client.HTTPResponse, most: int) -> memoryview:
    """Read chunks, or until the connection's end."""
    body = bytearray()
    try:
        while piece := response.read(_PIECE_BYTES):
            body += piece
            _check_size(len(body), most)
    except ValueError as error:  # a chunk of a negative size
        raise http.client.HTTPException("a chunk has no valid size") from error
    return memoryview(body)


def _decompress(packed: memoryview, window_bits: int, most: int, deadline: float) -> memoryview:
    unpacker, body = zlib.decompressobj(window_bits), bytearray()
    # In small pieces both ways: a piece of zeros grows a thousandfold, and what it leaves unread is copied each time.
    for start in range(0, len(packed), _PACKED_PIECE_BYTES):
        rest: Buffer = packed[start : start + _PACKED_PIECE_BYTES]
        is_full = True
        while (rest or is_full) and not unpacker.eof:
            limit = min(_PIECE_BYTES, most + 1 - len(body))
            piece = unpacker.decompress(rest, limit)
            body += piece
            _check_size(len(body), most)
            if time.monotonic() > deadline:
                raise TimeoutError
            # A full piece may have more behind it, in the unpacker, though all of the packed one is read.
            rest, is_full = unpacker.unconsumed_tail, len(piece) == limit
    if not unpacker.eof:
        raise zlib.error("the compressed body is incomplete")
    return memoryview(body)


def _check_size(size_bytes: int, most: int) -> None:
    if size_bytes > most:
        raise OversizedResponseError(f"more than {most} bytes")


def _allocate(size_bytes: int, data_offset: int) -> memoryview:
    """Return memory for a body; in a large one the byte at ``data_offset`` is aligned."""
    try:
        if size_bytes < _SMALL_BYTES:
            return memoryview(bytearray(size_bytes))
        memory = np.empty(size_bytes + _ALIGNMENT, np.uint8)  # not zeroed, as a bytearray would be
    except (MemoryError, OverflowError, ValueError) as error:
        raise http.client.HTTPException(f"no memory for a body of {size_bytes} bytes") from error
    # The JSON before the data has any length: unaligned, an array of the data would have to be copied.
    start = -(memory.__array_interface__["data"][0] + data_offset) % _ALIGNMENT
    return memory.data[start : start + size_bytes]


def _set_timeout(sock: socket.socket | None, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if sock is not None:
        sock.settimeout(left)
