"""A TCP proxy that breaks connections on purpose."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from tests.plugins.triton.chaos.load import MARK

_MARK = MARK.tobytes()
_RESET = struct.pack("ii", 1, 0)
_PIECE = 65_536


class EndedError(Exception):
    """A fault has ended its connection."""


def reset(connection: socket.socket) -> None:
    """Close ``connection`` with RST instead of FIN, both ways at once."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    connection.close()


@dataclass(slots=True, eq=False)
class Pair:
    """A client's connection and the matching one to the server."""

    client: socket.socket
    server: socket.socket
    number: int
    stop: threading.Event
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.number)

    def reset_both(self) -> None:
        reset(self.client)
        reset(self.server)
        raise EndedError

    def end(self) -> None:
        """Close both sides, which ends the threads that read from them."""
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    def pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise EndedError


Fault = Callable[[Pair, bytes, bool], bytes]
"""Called with a piece of bytes and whether it is a response's; returns the bytes to pass on, or raises EndedError."""


def nothing(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Pass everything on unchanged."""
    return piece


def delays(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Delay every second response, some of them beyond the deadline."""
    if is_response and pair.random.random() < 0.5:
        pair.pause(pair.random.choice((0.01, 0.05, 0.6)))
    return piece


def resets_before(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Reset in place of a request."""
    if not is_response and pair.random.random() < 0.3:
        pair.reset_both()
    return piece


def resets_mid(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Reset in the middle of a response."""
    if is_response and pair.random.random() < 0.3:
        with contextlib.suppress(OSError):
            pair.client.sendall(piece[: len(piece) // 2])
        pair.reset_both()
    return piece


def resets_after(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Reset after a whole response."""
    if is_response and pair.random.random() < 0.3:
        with contextlib.suppress(OSError):
            pair.client.sendall(piece)
        pair.reset_both()
    return piece


def truncates(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Cut a response short and close the connection in good order."""
    if is_response and pair.random.random() < 0.3:
        with contextlib.suppress(OSError):
            pair.client.sendall(piece[: pair.random.randrange(len(piece))])
            pair.client.shutdown(socket.SHUT_WR)
        raise EndedError
    return piece


def garbles(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Overwrite some bytes of a response before its tensor's data, for which no protocol has a checksum."""
    if not is_response or pair.random.random() >= 0.3:
        return piece
    end = piece.find(_MARK)
    end = len(piece) if end < 0 else end
    garbled = bytearray(piece)
    for _ in range(min(end, 16)):
        garbled[pair.random.randrange(end)] = pair.random.randrange(256)
    return bytes(garbled)


def half_opens(pair: Pair, piece: bytes, is_response: bool) -> bytes:
    """Drop everything after some response while the connection stays open."""
    if is_response and pair.random.random() < 0.2:
        while True:
            pair.pause(60)
    return piece


FAULTS: tuple[Fault, ...] = (delays, resets_before, resets_mid, resets_after, truncates, garbles, half_opens)


class Proxy:
    """Accepts connections and pumps them on, two threads each.

    Attributes:
        address: its own ``host:port``.
        is_breaking: pieces go through the fault while this is set.
    """

    def __init__(self, listener: socket.socket, behind: tuple[str, int], fault: Fault) -> None:
        self._listener = listener
        self._behind = behind
        self._fault = fault
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.is_breaking = threading.Event()
        self._stop = threading.Event()
        self._numbers = count()
        self._pairs: list[Pair] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """End every connection and thread."""
        self._stop.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname(), 1).close()
        self._accepting.join(5)
        for pair in self._pairs:
            pair.end()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._stop.is_set():
            client = self._listener.accept()[0]
            try:
                server = socket.create_connection(self._behind, 5)
            except OSError:
                client.close()
                continue
            self._serve(Pair(client, server, next(self._numbers), self._stop))

    def _serve(self, pair: Pair) -> None:
        self._pairs.append(pair)
        for side in (pair.client, pair.server):
            side.settimeout(None)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink, is_response in ((pair.client, pair.server, False), (pair.server, pair.client, True)):
            self._threads.append(threading.Thread(target=self._pump, args=(pair, source, sink, is_response), daemon=True))
            self._threads[-1].start()

    def _pump(self, pair: Pair, source: socket.socket, sink: socket.socket, is_response: bool) -> None:
        try:
            while piece := source.recv(_PIECE):
                sink.sendall(self._fault(pair, piece, is_response) if self.is_breaking.is_set() else piece)
            sink.shutdown(socket.SHUT_WR)
        except (OSError, EndedError):
            pair.end()


@contextlib.contextmanager
def proxy(host_and_port: str, fault: Fault) -> Iterator[Proxy]:
    """Pass connections on to ``host_and_port``, through ``fault`` while ``is_breaking`` is set."""
    host, port = host_and_port.rsplit(":", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Proxy(listener, (host, int(port)), fault)
        try:
            yield running
        finally:
            running.close()
