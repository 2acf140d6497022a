"""The port of turnout.yaml, as one of several processes shares it."""

from __future__ import annotations

import errno
import logging
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from turnout.errors import ConfigurationError
from turnout.forking import Forks
from turnout.metrics.process_files import VARIABLE, shared_folder
from turnout.metrics.workers import is_worker
from turnout.serving.port.claim import PortClaim
from turnout.serving.port.problem import port_problem
from turnout.serving.port.server import RouteServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
_STEP = "change metrics.port or metrics.address, or stop what listens there"
_OWN_STEP = "close that app first, or change metrics.port of one of them"


class Port:
    """Answers ``routes`` on one address and port from ``open`` to ``close``. Thread-safe.

    Of several workers the first one listens; each other one waits, and listens when that one has ended. A forked child does
    not listen: its parent does.

    Args:
        address: an IP address.
        port: its port.
        routes: a WSGI application for each path.
        where: the place in turnout.yaml, such as ``turnout.yaml:3``; may be empty.
    """

    def __init__(self, address: str, port: int, routes: Mapping[str, WSGIApplication], where: str = "") -> None:
        self._address, self._port = address, port
        self._routes = routes
        self._where = where
        self._server: RouteServer | None = None
        self._claim = PortClaim(port)
        self._closed = threading.Event()
        self._waiting: threading.Thread | None = None
        _ports.add(self)
        Forks.renew(self)

    def open(self) -> None:
        """Listen; a worker that cannot listen yet waits for it in a thread.

        Raises:
            ConfigurationError: nothing can listen there.
        """
        if not ip_address(self._address).is_loopback:
            logger.warning("port %s answers everybody who can reach %s, without a password", self._port, self._address)
        try:
            is_open = self._listen()
        except OSError as error:
            if not is_worker() or error.errno != errno.EADDRINUSE:
                raise ConfigurationError(self._problem(error), next_step=self._step()) from error
            # A worker that ends at its start takes the whole server with it.
            logger.error("%s", self._problem(error))  # noqa: TRY400  # the reason is in the line
            is_open = False
        if not is_open:
            self._waiting = threading.Thread(target=self._wait, name="turnout-port-wait", daemon=True)
            self._waiting.start()

    def close(self) -> None:
        """Stop to listen, or to wait for it."""
        self._closed.set()
        if self._waiting is not None:
            self._waiting.join()
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._claim.release()

    def renew(self) -> None:
        """Close this child's copy of the parent's socket, which would keep the port after the parent's end."""
        server, self._server, self._waiting = self._server, None, None
        self._closed = threading.Event()
        self._claim.release()
        if server is not None:
            server.socket.close()

    def _listen(self) -> bool:
        """Listen; return False if another worker does."""
        if not self._claim.take():
            return False
        try:
            server = RouteServer(self._address, self._port, self._routes)
        except BaseException:
            self._claim.release()
            raise
        server.start()
        self._server = server
        logger.info("port %s of %s answers %s", self._port, self._address, ", ".join(self._routes))
        return True

    def _wait(self) -> None:
        while not self._closed.wait(_RETRY_SECONDS):
            with suppress(OSError):
                if self._listen():
                    return

    def _problem(self, error: OSError) -> str:
        own = self._is_own()
        text = port_problem("metrics.port", self._address, self._port, error, self._step(), own=own)
        if error.errno == errno.EADDRINUSE and shared_folder() is None and not own:
            text += f"; if that is another worker of this app, name a folder in {VARIABLE}, and one worker answers for all"
        return f"{text}. In {self._where}." if self._where else text

    def _step(self) -> str:
        return _OWN_STEP if self._is_own() else _STEP

    def _is_own(self) -> bool:
        """Return whether another app of this process listens on the port."""
        return any(port._server is not None and port._port == self._port for port in list(_ports) if port is not self)


_ports: weakref.WeakSet[Port] = weakref.WeakSet()
