"""Responses in every form that HTTP/1 allows, read by ``http.client``: chunks, no length, interim responses, HTTP/1.0."""

from __future__ import annotations

import http.client
import io
from typing import Any

from turnout_triton.client.http.body import allocate, check_size
from turnout_triton.client.timed_socket import TimedSocket

_PIECE_BYTES = 2**20


class _Reader(io.RawIOBase):
    """Reads what was received already, then from the socket until a deadline."""

    def __init__(self, socket: TimedSocket, received: bytes, deadline: float) -> None:
        self._socket = socket
        self._received = memoryview(received)
        self._deadline = deadline
        self._is_at_end = False

    def end(self) -> None:
        """Read no more from the socket."""
        self._is_at_end = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._received:
            # An empty first read was the connection's end; reading again returns that again.
            return 0 if self._is_at_end else self._socket.receive_into(buffer, self._deadline)
        size = min(len(buffer), len(self._received))
        buffer[:size], self._received = self._received[:size], self._received[size:]
        return size


class _Buffer(io.BufferedReader):
    """A buffer that remembers whether it was closed with something in it."""

    has_rest = False

    def __init__(self, reader: _Reader) -> None:
        super().__init__(reader)
        self._reader = reader

    def close(self) -> None:
        if not self.closed:
            self._reader.end()
            self.has_rest = bool(self.peek(1))
        super().close()

    def makefile(self, _: str) -> _Buffer:
        """Return itself: this is the part of a socket that ``http.client.HTTPResponse`` uses."""
        return self


class OddResponse:
    """The response to a request of ``method`` that begins with ``received``; its head is read now, its body by ``read``.

    Attributes:
        status: the status.
        headers: the headers by lower-case name.

    Raises:
        TimeoutError: the deadline passed.
        OSError: the connection broke.
        http.client.HTTPException: the response is not HTTP.
    """

    def __init__(self, socket: TimedSocket, received: bytes, method: str, deadline: float) -> None:
        self._buffer = _Buffer(_Reader(socket, received, deadline))
        self._response = http.client.HTTPResponse(self._buffer, method=method)  # type: ignore[arg-type]  # it calls makefile()
        self._response.begin()
        self.status = self._response.status
        self.headers = {name.lower(): value for name, value in self._response.getheaders()}

    @property
    def reusable(self) -> bool:
        """True if the connection can carry another request; known when the body is read."""
        # What came behind the body was not asked for: the next response would lose its beginning.
        return not self._response.will_close and not self._buffer.has_rest

    def read(self, data_offset_header: str, most: int) -> memoryview:
        """Return the body, in memory as ``HttpRequest`` says.

        Raises:
            OversizedResponseError: it is larger than ``most``.
            http.client.HTTPException: it was cut short.
        """
        length = self._response.length
        body = self._read_unmeasured(most) if length is None else self._read_measured(length, data_offset_header, most)
        self._response.close()
        return body

    def _read_measured(self, length: int, data_offset_header: str, most: int) -> memoryview:
        check_size(length, most)
        body = allocate(length, self.headers.get(data_offset_header, ""))
        filled = 0
        while filled < len(body):
            got = self._response.readinto(body[filled:])
            if not got:
                raise http.client.IncompleteRead(b"", len(body) - filled)
            filled += got
        return body

    def _read_unmeasured(self, most: int) -> memoryview:
        """Read chunks, or until the connection's end."""
        body = bytearray()
        try:
            while piece := self._response.read(_PIECE_BYTES):
                body += piece
                check_size(len(body), most)
        except ValueError as error:  # a chunk of a negative size
            raise http.client.HTTPException("a chunk has no valid size") from error
        return memoryview(body)
