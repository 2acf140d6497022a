"""One request and its answer over one HTTP connection, within a deadline."""

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

_SMALL_BYTES = 65_536
_ALIGNMENT = 64
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; ``parts`` are its body.

    ``data_offset_header`` names the header of the answer that says where in its body data begin: they are aligned in memory.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parts: Sequence[Buffer] = ()
    data_offset_header: str = ""

    @property
    def size_bytes(self) -> int:
        """The size of the body."""
        return sum(len(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer: its status, its headers by lower-case name, its body. ``kept``: the connection can be used again."""

    status: int
    headers: Mapping[str, str]
    body: memoryview
    kept: bool


def packed(request: HttpRequest, coding: str) -> HttpRequest:
    """Return ``request`` with its body compressed by ``gzip`` or ``deflate``, which the answer's may be too."""
    headers = {**request.headers, "accept-encoding": coding}
    if not request.parts:
        return replace(request, headers=headers)
    packer = zlib.compressobj(wbits=_WINDOW_BITS[coding])
    body = b"".join([*(packer.compress(part) for part in request.parts), packer.flush()])
    return replace(request, headers={**headers, "content-encoding": coding}, parts=(body,))


def exchange(connection: http.client.HTTPConnection, request: HttpRequest, deadline: float) -> HttpAnswer:
    """Send ``request`` and return the answer, whatever its status.

    Raises:
        TimeoutError: the deadline passed.
        OSError: the connection broke.
        http.client.HTTPException: the answer is no HTTP, or was cut short.
        zlib.error: the answer's compressed body is broken.
    """
    sent = _sent(connection, request, deadline)
    connection.response_class = _timed_response(deadline)  # type: ignore[assignment]  # called, not subclassed
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    try:
        body = _read(response, headers.get(request.data_offset_header, ""))
    except BaseException:
        response.close()  # else its socket outlives the connection's end where the server said "connection: close"
        raise
    coding = headers.get("content-encoding", "")
    if coding in _WINDOW_BITS:
        body = memoryview(zlib.decompress(body, wbits=_WINDOW_BITS[coding]))
    return HttpAnswer(response.status, headers, body, kept=sent and not response.will_close)


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a deadline, however slowly the bytes come: a timeout of the socket starts anew with each."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _limit(self._sock, self._deadline)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What ``http.client.HTTPResponse`` needs of a socket."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._reader = _TimedReader(sock, deadline)

    def makefile(self, _: str) -> io.BufferedReader:
        """Return a reader that keeps the deadline."""
        return io.BufferedReader(self._reader)


def _timed_response(deadline: float) -> Callable[..., http.client.HTTPResponse]:
    def response(sock: socket.socket, *, method: str) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_TimedSocket(sock, deadline), method=method)  # type: ignore[arg-type]

    return response


def _sent(connection: http.client.HTTPConnection, request: HttpRequest, deadline: float) -> bool:
    """Send ``request``; False if the server stopped listening, as one does that refuses a body before it has read it."""
    try:
        _send(connection, request, deadline)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _send(connection: http.client.HTTPConnection, request: HttpRequest, deadline: float) -> None:
    _limit(connection.sock, deadline)
    connection.putrequest(request.method, request.path, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    size = request.size_bytes
    connection.putheader("content-length", str(size))
    if size < _SMALL_BYTES:  # one send for all of its parts
        connection.endheaders(b"".join(request.parts))
        return
    connection.endheaders()
    for part in request.parts:
        _limit(connection.sock, deadline)
        connection.send(memoryview(part))


def _read(response: http.client.HTTPResponse, data_offset: str) -> memoryview:
    if response.length is None:
        return memoryview(response.read())
    body = _room(response.length, int(data_offset) if re.fullmatch("[0-9]{1,18}", data_offset) else 0)
    filled = 0
    while filled < len(body):
        got = response.readinto(body[filled:])
        if not got:
            raise http.client.IncompleteRead(b"", len(body) - filled)
        filled += got
    response.close()
    return body


def _room(size_bytes: int, data_offset: int) -> memoryview:
    """Return memory for a body; what is at ``data_offset`` of a large one is aligned, else arrays of it would be copies."""
    try:
        if size_bytes < _SMALL_BYTES:
            return memoryview(bytearray(size_bytes))
        memory = np.empty(size_bytes + _ALIGNMENT, np.uint8)
    except (MemoryError, OverflowError, ValueError) as error:
        raise http.client.HTTPException(f"no memory for a body of {size_bytes} bytes") from error
    start = -(memory.__array_interface__["data"][0] + data_offset) % _ALIGNMENT
    return memory.data[start : start + size_bytes]


def _limit(sock: socket.socket | None, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if sock is not None:
        sock.settimeout(left)
