"""Small TCP servers that break the protocol."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket], None]


@contextlib.contextmanager
def broken_server(behave: Behaviour) -> Iterator[str]:
    """Serve each connection on a free port of loopback with ``behave``; yield ``host:port``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def one(accepted: socket.socket) -> None:
            with accepted, contextlib.suppress(OSError):
                behave(accepted)

        def accept() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    accepted = listener.accept()[0]
                    accepted.settimeout(5)
                    threading.Thread(target=one, args=(accepted,), daemon=True).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            with contextlib.suppress(OSError):
                socket.create_connection(listener.getsockname(), 1).close()
            accepting.join()


def answers(reply: bytes) -> Behaviour:
    """Respond to every request with ``reply``, then close the connection."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(reply)

    return behave


def read_request(connection: socket.socket) -> None:
    """Read a whole HTTP request: closing a connection with something unread would reset it."""
    received = b""
    while not _is_whole(received):
        more = connection.recv(65536)
        if not more:
            return
        received += more


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    size = re.search(rb"content-length: (\d+)", head)
    return bool(end) and (size is None or len(body) >= int(size[1]))


def resets(reply: bytes = b"") -> Behaviour:
    """Send ``reply``, then reset the connection."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(reply)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return behave


def trickles(reply: bytes, pause_seconds: float = 0.02) -> Behaviour:
    """Send ``reply`` byte by byte, over and over."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        pause = threading.Event()
        for index in range(10_000):
            connection.sendall(reply[index % len(reply) :][:1])
            pause.wait(pause_seconds)

    return behave


def half_closes(connection: socket.socket) -> None:
    """Close its side at once, and read on."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


def silent(connection: socket.socket) -> None:
    """Read and never respond."""
    while connection.recv(65536):
        pass


def refuses_early(connection: socket.socket) -> None:
    """Refuse a body after its first bytes, without reading the rest, as servers with a limit do."""
    connection.recv(100)
    body = b'{"error":"the body is too large"}'
    connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
    connection.shutdown(socket.SHUT_WR)
    threading.Event().wait(0.5)
