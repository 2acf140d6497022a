"""A server of HTTP/2 frames that does what a test says."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 1
END_HEADERS, PADDED, HAS_PRIORITY = 4, 8, 32
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Received = tuple[int, int, int, bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name: str, value: str) -> bytes:
    """Return a header as HPACK writes it without compression."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def reply(stream: int, message: bytes, *between: bytes) -> bytes:
    """Return a good gRPC response; the frames ``between`` come before its end."""
    head = frame(HEADERS, END_HEADERS, stream, b"\x88" + field("content-type", "application/grpc"))
    body = frame(DATA, 0, stream, b"\0" + struct.pack(">I", len(message)) + message)
    end = frame(HEADERS, END_HEADERS | END_STREAM, stream, field("grpc-status", "0"))
    return b"".join((head, body, *between, end))


class Peer:
    """The server's side of one connection; ``seen`` holds every frame that was received."""

    def __init__(self, connection: socket.socket, settings: bytes = b"") -> None:
        self.connection = connection
        self.seen: list[Received] = []
        self._received = b""
        self._read_to(len(PREFACE))
        self._received = self._received[len(PREFACE) :]
        self.send(frame(SETTINGS, 0, 0, settings), frame(SETTINGS, ACK, 0))

    def send(self, *frames: bytes) -> None:
        self.connection.sendall(b"".join(frames))

    def read(self) -> Received:
        self._read_to(9)
        size = int.from_bytes(self._received[:3], "big")
        self._read_to(9 + size)
        kind, flags, stream = struct.unpack(">BBI", self._received[3:9])
        got = kind, flags, stream, self._received[9 : 9 + size]
        self._received = self._received[9 + size :]
        self.seen.append(got)
        return got

    def read_until(self, wanted: Callable[[Received], bool]) -> Received:
        while not wanted(got := self.read()):
            pass
        return got

    def requests(self) -> Iterator[tuple[int, bytes]]:
        """Yield stream and body of each request that comes."""
        body = b""
        while True:
            kind, flags, stream, payload = self.read_until(lambda got: got[0] == DATA)
            body += payload
            if kind == DATA and flags & END_STREAM:
                yield stream, body
                body = b""

    def _read_to(self, size: int) -> None:
        while len(self._received) < size:
            more = self.connection.recv(65536)
            if not more:
                raise ConnectionResetError
            self._received += more
