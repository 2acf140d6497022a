"""Connections to one HTTP server, each used by one thread at a time."""

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
from turnout_triton.client.credentials import Connection
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.failures import Caller, failure
from turnout_triton.client.http.exchange import HttpAnswer, HttpRequest, exchange, packed

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
    """Sends requests over kept connections; opens one when none is idle. Thread-safe: a deque's ends are.

    A forked child opens its own.
    """

    def __init__(self, endpoint: Endpoint, connection: Connection) -> None:
        self._endpoint = endpoint
        self._connection = connection
        self._context = connection.ssl_context() if endpoint.secure else None
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._closed = False
        Forks.renew(self)

    def renew(self) -> None:
        """Leave the parent's connections to it, in a forked child."""
        self.close_idle()

    def call(self, request: HttpRequest, model: str, timeout_seconds: float) -> HttpAnswer:
        """Return the answer, if it is a good one, within ``timeout_seconds``.

        Raises:
            TurnoutError: as ``failures.failure`` says.
        """
        caller, deadline = Caller(model, str(self._endpoint)), time.monotonic() + timeout_seconds
        if self._connection.compression != "none":
            request = packed(request, self._connection.compression)
        connection = self._kept() or self._open(caller, deadline)
        try:
            answer = exchange(connection, request, deadline)
        except BaseException as error:
            connection.close()
            raise self._translated(error, caller) from error
        if answer.kept:
            self._keep(connection)
        else:
            connection.close()
        if answer.status >= 300:
            raise _refusal(answer, caller)
        return answer

    def close(self) -> None:
        """Close the idle connections now, and those in use when they come back."""
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close the idle connections."""
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        if len(self._idle) >= _MOST_IDLE:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed:  # meanwhile
            self.close_idle()

    def _kept(self) -> http.client.HTTPConnection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not _dropped(connection):
                return connection
            connection.close()

    def _open(self, caller: Caller, deadline: float) -> http.client.HTTPConnection:
        host, port = self._endpoint.host, self._endpoint.port
        try:
            opened = socket.create_connection((host, port), timeout=max(0.001, deadline - time.monotonic()))
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                opened = self._context.wrap_socket(opened, server_hostname=self._connection.server_name or host)
        except ssl.SSLError as error:
            raise failure("denied", str(error), caller) from error
        except TimeoutError as error:
            raise failure("deadline", "no connection in time", caller) from error
        except OSError as error:
            raise failure("not_reached", str(error), caller) from error
        connection = http.client.HTTPConnection(host, port)
        connection.sock = opened
        return connection

    def _translated(self, error: BaseException, caller: Caller) -> BaseException:
        if isinstance(error, TimeoutError):
            return failure("deadline", "no answer in time", caller)
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return failure(
                "denied", str(error), caller
            )  # with TLS 1.3 a missing client certificate is told after the handshake
        if isinstance(error, OSError | http.client.HTTPException | zlib.error):
            # That refusal is lost where the connection ends before it is read.
            hint = " (it may ask for a client certificate)" if self._context is not None and isinstance(error, OSError) else ""
            return failure("unavailable", f"{type(error).__name__}: {str(error)!r}{hint}", caller)
        return error


def _dropped(connection: http.client.HTTPConnection) -> bool:
    """Tell whether the server has closed an idle connection: then there is something to read, the end."""
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _refusal(answer: HttpAnswer, caller: Caller) -> TurnoutError:
    body = bytes(answer.body)
    try:
        said = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        said = f"HTTP {answer.status} {body[:200].decode('utf-8', 'replace')}"
    return failure(_KINDS.get(answer.status, "invalid" if answer.status < 500 else "internal"), said, caller)
