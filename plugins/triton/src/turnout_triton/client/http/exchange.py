"""One request and its answer over one HTTP connection, within a deadline."""

from __future__ import annotations

import http.client
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from turnout_triton.client.messages import Buffer

_SMALL_BYTES = 65_536
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; ``parts`` are its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    parts: Sequence[Buffer] = ()

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
        return HttpRequest(request.method, request.path, headers)
    packer = zlib.compressobj(wbits=_WINDOW_BITS[coding])
    body = b"".join([*(packer.compress(part) for part in request.parts), packer.flush()])
    return HttpRequest(request.method, request.path, {**headers, "content-encoding": coding}, (body,))


def exchange(connection: http.client.HTTPConnection, request: HttpRequest, deadline: float) -> HttpAnswer:
    """Send ``request`` and return the answer, whatever its status.

    Raises:
        TimeoutError: the deadline passed.
        OSError: the connection broke.
        http.client.HTTPException: the answer is no HTTP, or was cut short.
        zlib.error: the answer's compressed body is broken.
    """
    _send(connection, request, deadline)
    _limit(connection, deadline)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = _read(connection, response, deadline)
    coding = headers.get("content-encoding", "")
    if coding in _WINDOW_BITS:
        body = memoryview(zlib.decompress(body, wbits=_WINDOW_BITS[coding]))
    return HttpAnswer(response.status, headers, body, kept=not response.will_close)


def _send(connection: http.client.HTTPConnection, request: HttpRequest, deadline: float) -> None:
    _limit(connection, deadline)
    connection.putrequest(request.method, request.path, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    size = request.size_bytes
    connection.putheader("content-length", str(size))
    if size < _SMALL_BYTES:  # headers and body in one packet
        connection.endheaders(b"".join(request.parts))
        return
    connection.endheaders()
    for part in request.parts:
        _limit(connection, deadline)
        connection.send(memoryview(part))


def _read(connection: http.client.HTTPConnection, response: http.client.HTTPResponse, deadline: float) -> memoryview:
    if response.length is None:
        _limit(connection, deadline)
        return memoryview(response.read())
    body = memoryview(bytearray(response.length))
    filled = 0
    while filled < len(body):
        _limit(connection, deadline)
        got = response.readinto(body[filled:])
        if not got:
            raise http.client.IncompleteRead(b"", len(body) - filled)
        filled += got
    response.close()
    return body


def _limit(connection: http.client.HTTPConnection, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    if connection.sock is not None:
        connection.sock.settimeout(left)
