"""A TCP proxy on loopback that can terminate TLS, and records what clients send."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def proxy(target: str, context: ssl.SSLContext | None = None) -> Iterator[tuple[str, bytearray]]:
    """Forward connections to ``target``, without TLS; yield ``host:port`` and the bytes received from clients so far."""
    host, _, port = target.rpartition(":")
    seen = bytearray()

    def forward(source: socket.socket, sink: socket.socket, record: bytearray | None) -> None:
        with contextlib.suppress(OSError, ValueError):
            while received := source.recv(65536):
                if record is not None:
                    record += received
                sink.sendall(received)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def serve(accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            client = stack.enter_context(accepted if context is None else context.wrap_socket(accepted, server_side=True))
            server = stack.enter_context(socket.create_connection((host, int(port))))
            back = threading.Thread(target=forward, args=(server, client, None), daemon=True)
            back.start()
            forward(client, server, seen)
            back.join(5)
        accepted.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", seen
        finally:
            stop.set()
            with contextlib.suppress(OSError):
                socket.create_connection(listener.getsockname(), 1).close()
            accepting.join()
