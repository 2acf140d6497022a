"""Frames of HTTP/2 (RFC 9113)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from turnout_triton.client.timed_socket import TimedSocket

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20
MOST_FRAME_BYTES = 65_536
_HEAD = struct.Struct(">HBBBI")
_unpack_head = _HEAD.unpack_from
_HEAD_BYTES = 9
_SHORTENED = PADDED | HAS_PRIORITY
_STREAM_MASK = 0x7FFFFFFF


class Http2Error(Exception):
    """The received bytes are not HTTP/2, or frames that a server may not send."""


Frame = tuple[int, int, int, bytes]
"""Type, flags, stream and payload of a frame, without its padding."""


class Reply(NamedTuple):
    """The fields at the beginning and at the end of a response, which may be the same, and its body."""

    head: Mapping[str, str]
    end: Mapping[str, str]
    body: bytes


def write_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return a frame's bytes."""
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


class FrameReader:
    """Reads frames from a socket. For one thread at a time."""

    def __init__(self, socket: TimedSocket) -> None:
        self._socket = socket
        self._received = b""
        self._position = 0

    def has_input(self) -> bool:
        """Return whether a part of a frame has arrived, or the connection has ended."""
        return self._position < len(self._received) or bool(self._socket.poll_readable(0))

    def read(self, deadline: float) -> Frame:
        """Return the next frame.

        Raises:
            TimeoutError: the deadline passed.
            OSError: the connection broke, or ended.
            Http2Error: the frame is larger than allowed, or its padding than the frame.
        """
        while True:
            begin = self._position + _HEAD_BYTES
            if begin <= len(self._received):
                high, low, kind, flags, stream = _unpack_head(self._received, self._position)
                end = begin + (high << 8 | low)
                if end - begin > MOST_FRAME_BYTES:
                    raise Http2Error(f"a frame of {end - begin} bytes, more than {MOST_FRAME_BYTES}")
                if end <= len(self._received):
                    self._position = end
                    payload = self._received[begin:end]
                    if flags & _SHORTENED and kind in (DATA, HEADERS):
                        payload = _unpadded(kind, flags, payload)
                    return kind, flags, stream & _STREAM_MASK, payload
            self._receive(deadline)

    def peek(self, deadline: float) -> bytes:
        """Return what has arrived behind the last frame, and is still to be read; waits for it. Raises as ``read``."""
        if self._position == len(self._received):
            self._receive(deadline)
        return self._received[self._position :]

    def skip(self) -> None:
        """Skip what ``peek`` returned."""
        self._position = len(self._received)

    def _receive(self, deadline: float) -> None:
        more = self._socket.receive(deadline)
        if not more:
            raise ConnectionResetError("Socket closed")
        rest = self._received[self._position :]
        self._received, self._position = rest + more if rest else more, 0


def _unpadded(kind: int, flags: int, payload: bytes) -> bytes:
    begin, end = 0, len(payload)
    if flags & PADDED:
        begin, end = 1, end - (payload[0] if payload else 1)
    if kind == HEADERS and flags & HAS_PRIORITY:
        begin += 5
    if begin > end:
        raise Http2Error("a frame that is smaller than its padding")
    return payload[begin:end]
