"""One HTTP/2 connection of a client that has one request in flight at a time."""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Mapping

from turnout_triton.client.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    MOST_FRAME_BYTES,
    PING,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
    FrameReader,
    Http2Error,
    Reply,
    write_frame,
)
from turnout_triton.client.http2.hpack import decode_fields
from turnout_triton.client.http2.known_replies import find_reply, keep_reply
from turnout_triton.client.timed_socket import TimedSocket

_LARGEST_WINDOW = 2**31 - 1
_DEFAULT_WINDOW, _DEFAULT_FRAME_BYTES = 65_535, 16_384
_TABLE_SIZE, _ENABLE_PUSH, _INITIAL_WINDOW, _MAX_FRAME_SIZE = 1, 2, 4, 5
_SETTING, _NUMBER, _GO_AWAY = struct.Struct(">HI"), struct.Struct(">I"), struct.Struct(">II")
# No dynamic table, so that a block of headers means the same on every connection; windows so large that none is ever refilled.
_OWN_SETTINGS = {_TABLE_SIZE: 0, _ENABLE_PUSH: 0, _INITIAL_WINDOW: _LARGEST_WINDOW, _MAX_FRAME_SIZE: MOST_FRAME_BYTES}
_PREFACE = b"".join(
    (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        write_frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*setting) for setting in _OWN_SETTINGS.items())),
        write_frame(WINDOW_UPDATE, 0, 0, _NUMBER.pack(_LARGEST_WINDOW - _DEFAULT_WINDOW)),
    )
)
# Half of what one connection may carry: then it is replaced by another.
_MOST_RECEIVED_BYTES = _MOST_STREAM = 2**30
_MOST_FIELD_BYTES = 65_536
_UNEXPECTED = (DATA, HEADERS, PUSH_PROMISE, CONTINUATION)
_CANCEL, _REFUSED_STREAM = 8, 7
_CANCEL_SECONDS = 0.01


class NotProcessedError(Exception):
    """The server did not process the request, which may be sent again."""


class StreamResetError(Exception):
    """The server ended the stream with an error."""


class OversizedReplyError(Exception):
    """The response is larger than allowed."""


class Http2Connection:
    """A connection over ``socket``, on which requests follow each other. For one thread at a time.

    Attributes:
        is_usable: False once the connection can carry no other request.
    """

    def __init__(self, socket: TimedSocket) -> None:
        self._socket = socket
        self._reader = FrameReader(socket)
        # Returns whether there is something for ``drain``, or the connection has ended.
        self.has_input = self._reader.has_input
        self._next_stream = 1
        self._window = self._stream_window = _DEFAULT_WINDOW
        self._frame_bytes = _DEFAULT_FRAME_BYTES
        self._received_bytes = 0
        self.is_usable = True

    def open(self, deadline: float) -> None:
        """Exchange settings with the server. Raises as ``request``."""
        self._socket.send(_PREFACE, deadline)
        first = self._reader.read(deadline)
        if first[0] != SETTINGS or first[1] & ACK:
            raise Http2Error(f"a server that begins with a frame of type {first[0]}")
        self._handle(first, deadline)

    def drain(self) -> None:
        """Handle what the server has sent since the last response; closes nothing, and raises as ``request``."""
        while self.is_usable and self._reader.has_input():
            # A server that sends half a frame and waits is of no use.
            frame = self._reader.read(time.monotonic() + _CANCEL_SECONDS)
            self._handle(frame, time.monotonic() + _CANCEL_SECONDS)

    def fits(self, size_bytes: int) -> bool:
        """Return whether the server takes a body of ``size_bytes`` at once."""
        return size_bytes <= self._window and size_bytes <= self._stream_window

    def request(self, head: bytes, body: bytes, most_bytes: int, deadline: float) -> Reply:
        """Send a request with the fields ``head`` in HPACK, and return its response, of ``most_bytes`` at most.

        Raises:
            NotProcessedError: the server did not process it.
            StreamResetError: the server gave it up.
            OversizedReplyError: the response is larger.
            TimeoutError: the deadline passed.
            OSError: the connection broke.
            Http2Error: the response is not HTTP/2.
        """
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._window -= len(body)
        # A server that goes away may say which requests it did not process; that is still there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.send(self._frames_of(stream, head, body), deadline)
        received = self._reader.peek(deadline)
        if (known := find_reply(received, stream)) and len(known[0].body) <= most_bytes:
            self._reader.skip()
            self._window += known[1]
            return known[0]
        reply = self._read_reply(stream, most_bytes, deadline)
        keep_reply(received, stream, reply)
        if self._received_bytes > _MOST_RECEIVED_BYTES or stream > _MOST_STREAM:
            self.is_usable = False
        return reply

    def cancel(self) -> None:
        """End the last request on the server too, if that needs no waiting."""
        frame = write_frame(RST_STREAM, 0, self._next_stream - 2, _NUMBER.pack(_CANCEL))
        with contextlib.suppress(OSError):  # TimeoutError is one
            self._socket.send(frame, time.monotonic() + _CANCEL_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        self.is_usable = False
        self._socket.close()

    def _frames_of(self, stream: int, head: bytes, body: bytes) -> bytes:
        most, size = self._frame_bytes, len(body)
        frames = [write_frame(HEADERS, END_HEADERS, stream, head)]
        for begin in range(0, size, most):
            is_last = begin + most >= size
            frames.append(write_frame(DATA, END_STREAM if is_last else 0, stream, body[begin : begin + most]))
        return b"".join(frames)

    def _read_reply(self, stream: int, most_bytes: int, deadline: float) -> Reply:
        head: Mapping[str, str] = {}
        pieces: list[bytes] = []
        size, read = 0, self._reader.read
        while True:
            frame = read(deadline)
            kind, flags, on, payload = frame
            if on != stream or kind > HEADERS:  # of a response's frames only these and CONTINUATION are more than advice
                self._handle(frame, deadline, stream)
                continue
            if kind == DATA:
                pieces.append(payload)
                size += len(payload)
                if size > most_bytes:
                    raise OversizedReplyError(f"more than {most_bytes} bytes")
            else:
                end = self._read_fields(flags, payload, deadline)
                head = head or end
            if flags & END_STREAM:
                self._received_bytes += size
                return Reply(head, end if kind == HEADERS else {}, pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _read_fields(self, flags: int, block: bytes, deadline: float) -> Mapping[str, str]:
        while not flags & END_HEADERS:
            kind, flags, _, payload = self._reader.read(deadline)
            if kind != CONTINUATION:
                raise Http2Error(f"headers that are interrupted by a frame of type {kind}")
            block += payload
            if len(block) > _MOST_FIELD_BYTES:
                raise Http2Error(f"more than {_MOST_FIELD_BYTES} bytes of headers")
        try:
            return decode_fields(block)
        except ValueError as error:
            raise Http2Error(str(error)) from error

    def _handle(self, frame: Frame, deadline: float, stream: int = 0) -> None:
        """Handle a frame that is no part of a response; ``stream`` is that of the request in flight, 0 without one."""
        kind, flags, on, payload = frame
        try:
            if kind == WINDOW_UPDATE and not on:
                self._window += _NUMBER.unpack(payload)[0]
            elif kind in (SETTINGS, PING):
                if not flags & ACK:
                    self._acknowledge(kind, payload, deadline)
            elif kind == GOAWAY:
                self._go_away(stream, *_GO_AWAY.unpack_from(payload))
            elif kind == RST_STREAM and on == stream:
                _raise_reset(_NUMBER.unpack(payload)[0])
            elif kind in _UNEXPECTED:
                raise Http2Error(f"an unexpected frame of type {kind}")
        except struct.error as error:
            raise Http2Error(f"a frame of type {kind} with {len(payload)} bytes") from error

    def _acknowledge(self, kind: int, payload: bytes, deadline: float) -> None:
        if kind == SETTINGS:
            self._keep_settings(payload)
        self._socket.send(write_frame(kind, ACK, 0, payload if kind == PING else b""), deadline)

    def _go_away(self, stream: int, last_stream: int, code: int) -> None:
        self.is_usable = False
        if stream > last_stream & _LARGEST_WINDOW:
            raise NotProcessedError(f"GOAWAY with error {code}")

    def _keep_settings(self, payload: bytes) -> None:
        for name, value in _SETTING.iter_unpack(payload):
            if name == _INITIAL_WINDOW:
                self._stream_window = value
            elif name == _MAX_FRAME_SIZE:
                self._frame_bytes = max(value, _DEFAULT_FRAME_BYTES)


def _raise_reset(code: int) -> None:
    if code == _REFUSED_STREAM:
        raise NotProcessedError("the stream was refused")
    raise StreamResetError(f"Received RST_STREAM with error code {code}")
