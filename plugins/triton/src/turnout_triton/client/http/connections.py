"""A pool of connections to one HTTP server, each used by one thread at a time."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import ssl
import time
import zlib
from collections import deque

from turnout.errors import TurnoutError
from turnout.forking import Forks
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.failures import Callee, failure
from turnout_triton.client.http.round_trip import HttpRequest, HttpResponse, compress, round_trip

_MOST_IDLE = 64
_KINDS = {
    401: "denied",
    403: "denied",
    404: "not_found",
    413: "too_large",
    501: "unimplemented",
    502: "unavailable",
    503: "unavailable",
    504: "deadline",
}


class HttpConnections:
    """Sends each request over an idle connection, or over a new one when there is none.

    Thread-safe without a lock: a deque's append and pop are atomic. A forked child opens its own connections.
    """

    def __init__(self, endpoint: Endpoint, connection: ConnectionSettings) -> None:
        self._endpoint = endpoint
        self._connection = connection
        self._context = connection.ssl_context() if endpoint.secure else None
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._closed = False
        Forks.renew(self)

    def renew(self) -> None:
        """Close the child's copies of the parent's connections, in a forked child."""
        # close() without shutdown(): the parent's side of a socket stays open.
        self.close_idle()

    def call(self, request: HttpRequest, model: str, timeout_seconds: float) -> HttpResponse:
        """Send ``request`` and return its response, if the status is a success.

        Raises:
            TurnoutError: as ``failures.failure`` says.
        """
        callee, deadline = Callee(model, str(self._endpoint)), time.monotonic() + timeout_seconds
        if self._connection.compression != "none":
            request = compress(request, self._connection.compression)
        connection = self._pop_idle() or self._open(callee, deadline)
        try:
            response = round_trip(connection, request, deadline)
        except BaseException as error:
            # Closed, never reused: the rest of the response may still arrive, and would be read as the next one's.
            connection.close()
            raise self._translate(error, callee) from error
        if response.reusable:
            self._push_idle(connection)
        else:
            connection.close()
        if response.status >= 300:
            raise _refusal(response, callee)
        return response

    def close(self) -> None:
        """Close the idle connections now, and those in use as soon as their requests end."""
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close the idle connections."""
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread popped the last one
                self._idle.pop().close()

    def _push_idle(self, connection: http.client.HTTPConnection) -> None:
        if len(self._idle) >= _MOST_IDLE:
            connection.close()
            return
        self._idle.append(connection)
        # After the append: close() sets the flag before it empties the deque, so one of both closes this connection.
        if self._closed:
            self.close_idle()

    def _pop_idle(self) -> http.client.HTTPConnection | None:
        # The most recently used first: the server has had the least time to drop it.
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not _is_dropped(connection):
                return connection
            connection.close()

    def _open(self, callee: Callee, deadline: float) -> http.client.HTTPConnection:
        host, port = self._endpoint.host, self._endpoint.port
        try:
            opened = socket.create_connection((host, port), timeout=remaining_seconds(deadline))
            # Else Nagle's algorithm holds the last segment of a body back until the server acknowledges the one before.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                opened = self._context.wrap_socket(opened, server_hostname=self._connection.server_name or host)
        except ssl.SSLError as error:
            raise failure("denied", str(error), callee) from error
        except TimeoutError as error:
            raise failure("deadline", "no connection in time", callee) from error
        except OSError as error:
            raise failure("not_reached", str(error), callee) from error
        connection = http.client.HTTPConnection(host, port)
        connection.sock = opened  # http.client itself would connect without the deadline
        return connection

    def _translate(self, error: BaseException, callee: Callee) -> BaseException:
        if isinstance(error, TimeoutError):
            return failure("deadline", "no response in time", callee)
        # With TLS 1.3 the server refuses a missing client certificate after the handshake, on the first read.
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return failure("denied", str(error), callee)
        if isinstance(error, OSError | http.client.HTTPException | zlib.error):
            # That refusal is lost where the connection ends before it is read.
            hint = " (it may require a client certificate)" if self._context is not None and isinstance(error, OSError) else ""
            return failure("unavailable", f"{type(error).__name__}: {str(error)!r}{hint}", callee)
        return error


def _is_dropped(connection: http.client.HTTPConnection) -> bool:
    """Return whether the server has closed an idle connection."""
    if connection.sock is None:
        return True
    # An idle connection has nothing to read but its end. poll(), because select() fails on descriptors from 1024 on.
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _refusal(response: HttpResponse, callee: Callee) -> TurnoutError:
    body = bytes(response.body)
    try:
        said = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        # A proxy in front of the server responds with HTML or nothing.
        said = f"HTTP {response.status} {body[:200].decode('utf-8', 'replace')}"
    return failure(_KINDS.get(response.status, "invalid" if response.status < 500 else "internal"), said, callee)
