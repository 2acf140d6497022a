"""One request and its response over one HTTP connection, within a deadline."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from http.client import IncompleteRead
from types import MappingProxyType
from typing import NamedTuple

from turnout_triton.client.http.body import allocate, check_size, decompress
from turnout_triton.client.http.known_responses import KnownResponses
from turnout_triton.client.http.odd_response import OddResponse
from turnout_triton.client.http.plain_head import PlainHead, plain_head
from turnout_triton.client.messages import Buffer, KServeResponse, new_tuple
from turnout_triton.client.timed_socket import TimedSocket

# What servers say about themselves, and their errors.
MAX_DESCRIPTION_BYTES = 4 * 2**20
_SMALL_BYTES = 65_536
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


class HttpRequest(NamedTuple):
    """A request: ``first`` is sent in one piece, its head included, then each of ``rest``, which are too large to be joined.

    ``data_offset_header`` names the response header with the offset of tensor data in its body: they are aligned in memory.
    A response of more than ``max_response_bytes`` is refused, one with an error of more than 4 MiB. One of ``known`` is not
    parsed.
    """

    method: str
    first: bytes
    rest: Sequence[Buffer] = ()
    data_offset_header: str = ""
    max_response_bytes: int = MAX_DESCRIPTION_BYTES
    known: KnownResponses | None = None


class HttpResponse(NamedTuple):
    """Status, headers by lower-case name, and body; ``reusable`` is True if the connection can carry another request.

    ``received`` is the whole response where that came at once in its usual form. ``known`` is what it holds, if it is known.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | memoryview
    reusable: bool
    received: bytes = b""
    known: KServeResponse | None = None


class HttpConnection(TimedSocket):
    """A connection; ``generation`` is the pool's."""

    def __init__(self, connected: socket.socket, generation: int) -> None:
        super().__init__(connected)
        self.generation = generation


def joined(head: bytes, parts: Sequence[Buffer], size_bytes: int) -> tuple[bytes, Sequence[Buffer]]:
    """Return ``first`` and ``rest`` of a request with a body of ``size_bytes``."""
    # One packet for a small request; joining large tensors would copy them.
    return (b"".join((head, *parts)), ()) if size_bytes < _SMALL_BYTES else (head, parts)


def round_trip(connection: TimedSocket, request: HttpRequest, deadline: float) -> HttpResponse:
    """Send ``request`` and return the response, whatever its status.

    Raises:
        TimeoutError: the deadline passed.
        OSError: the connection broke.
        http.client.HTTPException: the response is not HTTP, was cut short, or is too large.
        zlib.error: the response's compressed body is broken.
    """
    is_sent = True
    try:
        connection.send(request.first, deadline)
        for part in request.rest:
            connection.send(part, deadline)
    except (BrokenPipeError, ConnectionResetError):
        # A server that refuses a body responds before it has read it; that response is still there to be read.
        is_sent = False
    received = connection.receive(deadline)
    if request.known is not None and is_sent and (known := request.known.find(received)):
        return new_tuple(HttpResponse, (200, _NO_HEADERS, b"", True, b"", known))
    head = plain_head(received)
    if head is None:
        response = _read_odd(connection, request, received, deadline)
    elif len(received) == head.size + head.body_bytes <= _SMALL_BYTES:
        response = HttpResponse(head.status, head.headers, received[head.size :], head.reusable, received)
    else:
        response = _read_plain(connection, request, received, head, deadline)
    if "content-encoding" in response.headers:
        response = _unpacked(response, request, deadline)
    return response if is_sent else response._replace(reusable=False)


def _read_plain(
    connection: TimedSocket, request: HttpRequest, received: bytes, head: PlainHead, deadline: float
) -> HttpResponse:
    status, headers, begin, size, reusable = head
    check_size(size, _most_bytes(request, status))
    missing = begin + size - len(received)
    if missing <= 0:
        # More than the body was not asked for: the next response would begin with it.
        return HttpResponse(status, headers, received[begin : begin + size], reusable and not missing)
    body = allocate(size, headers.get(request.data_offset_header, ""))
    body[: size - missing] = received[begin:]
    while missing:
        got = connection.receive_into(body[size - missing :], deadline)
        if not got:
            raise IncompleteRead(b"", missing)
        missing -= got
    return HttpResponse(status, headers, body, reusable)


def _read_odd(connection: TimedSocket, request: HttpRequest, received: bytes, deadline: float) -> HttpResponse:
    odd = OddResponse(connection, received, request.method, deadline)
    body = odd.read(request.data_offset_header, _most_bytes(request, odd.status))
    return HttpResponse(odd.status, odd.headers, body, odd.reusable)


def _unpacked(response: HttpResponse, request: HttpRequest, deadline: float) -> HttpResponse:
    window_bits = _WINDOW_BITS.get(response.headers["content-encoding"])
    if window_bits is None:
        return response
    most = _most_bytes(request, response.status)
    return response._replace(body=decompress(memoryview(response.body), window_bits, most, deadline))


def _most_bytes(request: HttpRequest, status: int) -> int:
    return request.max_response_bytes if status < 300 else MAX_DESCRIPTION_BYTES
