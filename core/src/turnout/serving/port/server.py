"""A small HTTP server for a table of routes: each path is answered by a WSGI application, each request in a thread."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

_PLAIN = ("Content-Type", "text/plain; charset=utf-8")
_CLIENT_SECONDS = 10.0
"""A client that is silent for so long is disconnected: it holds a thread."""
_POLL_SECONDS = 0.1
_MOST_REQUESTS = 32
"""A connection beyond these is closed: clients must not be able to take all threads of the app's process."""


class RouteServer(ThreadingMixIn, WSGIServer):
    """Answers ``routes`` on ``address`` and ``port`` from ``start`` to ``stop``. It listens when it is created.

    Raises:
        OSError: nothing can listen there.
    """

    daemon_threads = True
    # A scrape that waits for a reader must not delay the end of the app.
    block_on_close = False
    request_queue_size = 32

    def __init__(self, address: str, port: int, routes: Mapping[str, WSGIApplication]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), _QuietHandler)
        self.set_app(_table(routes))
        self._free = threading.BoundedSemaphore(_MOST_REQUESTS)
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), name="turnout-port", daemon=True)

    def server_bind(self) -> None:
        # HTTPServer's own asks a name server for the name of this machine.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop to listen."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread was started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log it for developers: a client that breaks off is no event."""
        logger.debug("a request from %r failed: %r", client_address, sys.exception())


class _QuietHandler(WSGIRequestHandler):
    """Logs no request."""

    timeout = _CLIENT_SECONDS

    def log_message(self, format: str, *values: Any) -> None:
        """Do nothing."""


def _table(routes: Mapping[str, WSGIApplication]) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        route = routes.get(environ["PATH_INFO"])
        if route is None:
            start_response("404 Not Found", [_PLAIN])
            return [f"there is no such path; known: {', '.join(routes)}\n".encode()]
        try:
            return route(environ, start_response)
        except Exception:
            # wsgiref would answer with a page of its own, and print the traceback.
            logger.exception("%s failed", environ["PATH_INFO"])
            start_response("500 Internal Server Error", [_PLAIN])
            return [b"failed; the log of the app has the reason\n"]

    return answer
