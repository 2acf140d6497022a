"""A pool of connections to one HTTP server, each used by one thread at a time."""

from __future__ import annotations

import contextlib
import http.client
import json
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
from turnout_triton.client.http.body import OversizedResponseError
from turnout_triton.client.http.dialing import Dialer
from turnout_triton.client.http.request_head import RequestWriter
from turnout_triton.client.http.round_trip import HttpConnection, HttpRequest, HttpResponse, round_trip
from turnout_triton.client.proxy_variables import proxy_note

_MOST_IDLE = 64
# A server that stops closes each new connection at once and waits for the open ones, 30 s by default, before it cuts off their
# requests.
_SECONDS_BETWEEN_NEW = 1.0
_KINDS = {
    401: "denied",
    403: "denied",
    404: "not_found",
    413: "too_large",
    429: "overloaded",
    501: "unimplemented",
    502: "unavailable",
    503: "unavailable",
    504: "deadline",
}


class HttpConnections:
    """Sends each request over an idle connection, or over a new one when there is none.

    One request a second opens a new connection instead of an idle one. Where the server refuses it, all others are closed
    after their requests: the server stops, and would cut them off later. A new connection to a server that has answered before
    is probed, so that a request that cannot be repeated is never the first to find out.

    Thread-safe without a lock: a deque's append and pop are atomic. A forked child opens its own connections.

    Attributes:
        requests: writes the requests for ``call``.
    """

    def __init__(self, endpoint: Endpoint, connection: ConnectionSettings) -> None:
        self._endpoint = endpoint
        self._connection = connection
        self._context = connection.ssl_context() if endpoint.secure else None
        self._dialer = Dialer(endpoint.host, endpoint.port)
        self.requests = RequestWriter(endpoint, connection.compression)
        self._idle: deque[HttpConnection] = deque()
        self._closed = False
        self._generation = 0
        self._next_new = 0.0
        self._probes = False
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
        deadline = time.monotonic() + timeout_seconds
        connection = self._take(model, deadline)
        try:
            response = round_trip(connection, request, deadline)
        except BaseException as error:
            # Closed, never reused: the rest of the response may still arrive, and would be read as the next one's.
            connection.close()
            raise self._translate(error, Callee(model, str(self._endpoint)), request.method) from error
        if response.reusable:
            self._probes = True
            self._push_idle(connection)
        else:
            connection.close()
        if response.status >= 300:
            raise _refusal(response, Callee(model, str(self._endpoint)))
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

    def _take(self, model: str, deadline: float) -> HttpConnection:
        """Return an idle connection, or a new one, which replaces an idle one once a second."""
        idle, now = self._pop_idle(), time.monotonic()
        if idle is not None and now < self._next_new:
            return idle
        self._next_new = now + _SECONDS_BETWEEN_NEW
        try:
            opened = self._open_probed(deadline if idle is None else min(deadline, now + _SECONDS_BETWEEN_NEW))
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, ConnectionError):
                self._generation += 1
                self.close_idle()
            elif idle is not None:
                return idle
            if idle is not None:
                idle.close()
            raise self._connection_error(error, Callee(model, str(self._endpoint))) from error
        if idle is not None:
            idle.close()
        return opened

    def _open_probed(self, deadline: float) -> HttpConnection:
        opened = self._open(deadline)
        if not self._probes:
            return opened
        probe = self.requests.write("GET", "/v2/health/live", dict(self._connection.headers))
        try:
            self._probes = round_trip(opened, probe, deadline).reusable
        except BaseException:
            opened.close()
            raise
        if self._probes:
            return opened
        opened.close()  # a server without keep-alive
        return self._open(deadline)

    def _push_idle(self, connection: HttpConnection) -> None:
        if len(self._idle) >= _MOST_IDLE or connection.generation != self._generation:
            connection.close()
            return
        self._idle.append(connection)
        # After the append: close() sets the flag before it empties the deque, so one of both closes this connection.
        if self._closed:
            self.close_idle()

    def _pop_idle(self) -> HttpConnection | None:
        # The most recently used first: the server has had the least time to drop it.
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            # An idle connection has nothing to read but its end.
            if not connection.poll_readable(0):
                return connection
            connection.close()

    def _open(self, deadline: float) -> HttpConnection:
        opened = self._dialer.dial(remaining_seconds(deadline))
        # Else Nagle's algorithm holds the last segment of a body back until the server acknowledges the one before.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            opened = self._context.wrap_socket(opened, server_hostname=self._connection.server_name or self._endpoint.host)
        return HttpConnection(opened, self._generation)

    def _connection_error(self, error: Exception, callee: Callee) -> TurnoutError:
        if isinstance(error, ssl.SSLError):
            return failure("denied", str(error), callee)
        note = proxy_note(self._endpoint)
        if isinstance(error, TimeoutError):
            return failure("deadline", f"no connection in time{note}", callee)
        return failure("not_reached", f"{error}{note}", callee)

    def _translate(self, error: BaseException, callee: Callee, method: str) -> BaseException:
        if isinstance(error, TimeoutError):
            return failure("deadline", "no response in time", callee)
        if isinstance(error, OversizedResponseError):
            return failure("large_response", str(error), callee)
        # With TLS 1.3 the server refuses a missing client certificate after the handshake, on the first read.
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return failure("denied", str(error), callee)
        if isinstance(error, OSError | http.client.HTTPException | zlib.error):
            # That refusal is lost where the connection ends before it is read.
            hint = " (it may require a client certificate)" if self._context is not None and isinstance(error, OSError) else ""
            # A GET may be sent again anywhere: it runs nothing.
            kind = "not_reached" if method == "GET" else "unavailable"
            return failure(kind, f"{type(error).__name__}: {str(error)!r}{hint}", callee)
        return error


def _refusal(response: HttpResponse, callee: Callee) -> TurnoutError:
    body = bytes(response.body)
    try:
        said = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        # A proxy in front of the server responds with HTML or nothing.
        moved = f" to {response.headers['location']!r}" if "location" in response.headers else ""
        said = f"HTTP {response.status}{moved} {body[:200].decode('utf-8', 'replace')}"
    return failure(_kind(response.status), said, callee)


def _kind(status: int) -> str:
    if status < 400:
        return "not_found"  # a redirection: nothing runs here
    return _KINDS.get(status, "invalid" if status < 500 else "internal" if status < 600 else "unavailable")
