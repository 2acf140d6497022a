"""ModelInfer over HTTP/2 connections of our own, which cost a third of gRPC's."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections import deque

from turnout.forking import Forks
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import Endpoint
from turnout_triton.client.grpc.unary_reply import PREFIX, CallFailedError, message_of
from turnout_triton.client.http.dialing import Dialer
from turnout_triton.client.http2.connection import (
    Http2Connection,
    NotProcessedError,
    OversizedReplyError,
    StreamResetError,
)
from turnout_triton.client.http2.frames import Http2Error
from turnout_triton.client.http2.hpack import encode_fields
from turnout_triton.client.proxy_variables import proxy_variable
from turnout_triton.client.timed_socket import TimedSocket

_PATH = "/inference.GRPCInferenceService/ModelInfer"
_MOST_BYTES = 65_536
_MOST_IDLE = 64
_OPEN_SECONDS = 0.5
_KEEP_SECONDS = 0.25
_LONGEST_IDLE_SECONDS = 2.0
_MOST_NUMBER = 99_999_999  # of a timeout: eight digits, as gRPC has them
_TIMEOUT_NAME = encode_fields([("grpc-timeout", "")])[:-1]
# gRPC itself writes these, or writes them in a way of its own.
_RESERVED = ("grpc-", "te", "content-", "user-agent", "connection", "host", "transfer-", "keep-alive", "upgrade", "proxy-")


class UnaryCalls:
    """Sends small requests to a server that gRPC's own channel has reached, each over an idle connection or over a new one.

    gRPC's Python package takes 150 us of CPU for a call of any size, four times what these connections take. They carry only
    what is simple: requests of up to 64 KiB that the server takes at once, without TLS, compression and proxies. For all else
    ``call`` returns None, and so it does after a failed connection, until ``allow`` is called: outages are gRPC's to handle.

    A thread looks after idle connections: it answers the server's pings, and closes those that the server gives up, so that a
    server which stops does not wait for them, and those that were idle for two seconds. It ends with the last of them.

    Thread-safe: a deque's operations are atomic, and the thread starts and ends under ``_lock``. For a child, ``renew`` closes
    its copies of the connections.
    """

    def __init__(self, endpoint: Endpoint, connection: ConnectionSettings) -> None:
        fields = ((":path", _PATH), (":authority", endpoint.target), ("te", "trailers"), ("content-type", "application/grpc"))
        self._head = b"\x83\x86" + encode_fields((*fields, ("user-agent", "turnout-triton"), *connection.headers))
        self._dialer = Dialer(endpoint.host, endpoint.port)
        self._most_bytes = connection.max_response_bytes
        self._idle: deque[tuple[Http2Connection, float]] = deque()
        self.renew()
        Forks.renew(self)

    @staticmethod
    def can_reach(endpoint: Endpoint, connection: ConnectionSettings) -> bool:
        """Return whether these connections carry everything that ``connection`` asks for."""
        names = [name for name, _ in connection.headers]
        are_plain = not any(name.startswith(_RESERVED) or name.endswith("-bin") for name in names)
        return are_plain and not endpoint.secure and connection.compression == "none" and not proxy_variable(endpoint)

    def renew(self) -> None:
        """Start without connections; in a forked child, close its copies of the parent's, whose own sides stay open."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._keeper: threading.Thread | None = None
        self._allowed = False
        self._close_idle()

    def allow(self) -> None:
        """Use connections of our own from now on: gRPC's has reached the server."""
        self._allowed = True

    def call(self, message: bytes, timeout_seconds: float, more: tuple[tuple[str, str], ...] = ()) -> bytes | None:
        """Return the response to ``message``, sent with the headers ``more``; None if gRPC must send it.

        The server has not seen it then.

        Raises:
            CallFailedError: it failed.
        """
        if not self._allowed or len(message) > _MOST_BYTES:
            return None
        deadline = time.monotonic() + timeout_seconds
        connection = self._take(deadline)
        if connection is None:
            return None
        body = PREFIX.pack(0, len(message)) + message
        if not connection.fits(len(body)):
            self._push(connection)
            return None
        most = self._most_bytes + PREFIX.size
        try:
            reply = connection.request(self._head + _timeout_field(timeout_seconds) + _encoded(more), body, most, deadline)
        except NotProcessedError:
            connection.close()
            return None
        except BaseException as error:
            connection.cancel()
            connection.close()
            self._allowed = False
            raise _translate(error, self._most_bytes) from error
        self._push(connection)
        return message_of(reply)

    def close(self) -> None:
        """Close the idle connections now, and those in use as soon as their requests end."""
        with self._lock:
            self._stop.set()
            keeper = self._keeper
        if keeper is not None:
            keeper.join()
        self._close_idle()

    def _take(self, deadline: float) -> Http2Connection | None:
        while True:
            try:
                connection, _ = self._idle.pop()  # the most recently used: the others may be closed by and by
            except IndexError:
                return self._open(deadline)
            if not connection.has_input() or _is_usable(connection):
                return connection

    def _open(self, deadline: float) -> Http2Connection | None:
        """Return a new connection; None where there is none soon, and until ``allow`` is called again."""
        soon = min(deadline, time.monotonic() + _OPEN_SECONDS)
        try:
            with contextlib.ExitStack() as stack:
                dialled = stack.enter_context(self._dialer.dial(max(0.001, soon - time.monotonic())))
                dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened = Http2Connection(TimedSocket(dialled))
                opened.open(soon)
                if opened.is_usable:
                    stack.pop_all()
                    return opened
        except (OSError, Http2Error):
            pass
        self._allowed = False
        return None

    def _push(self, connection: Http2Connection) -> None:
        if not connection.is_usable or len(self._idle) >= _MOST_IDLE:
            connection.close()
            return
        self._idle.append((connection, time.monotonic()))
        # After the append: close() sets the flag before it empties the deque, so one of both closes this connection.
        if self._stop.is_set():
            self._close_idle()
        elif self._keeper is None:
            self._start_keeper()

    def _close_idle(self) -> None:
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread popped the last one
                self._idle.pop()[0].close()

    def _start_keeper(self) -> None:
        with self._lock:
            if self._keeper is None and not self._stop.is_set():
                self._keeper = threading.Thread(target=self._keep, name="turnout-triton-idle", daemon=True)
                self._keeper.start()

    def _keep(self) -> None:
        keeper = threading.current_thread()
        while not self._stop.wait(_KEEP_SECONDS):
            self._keep_once()
            if self._idle:
                continue
            # First the flag, then a second look: a connection that was pushed in between starts a thread, or is seen here.
            self._keeper = None
            with self._lock:
                if not self._idle or self._keeper is not None:
                    return
                self._keeper = keeper

    def _keep_once(self) -> None:
        oldest = time.monotonic() - _LONGEST_IDLE_SECONDS
        for entry in list(self._idle):
            try:
                self._idle.remove(entry)  # first, so that no caller uses it meanwhile
            except ValueError:  # a caller uses it
                continue
            connection, since = entry
            if since <= oldest:
                connection.close()
            elif _is_usable(connection):
                self._idle.appendleft(entry)
        if self._stop.is_set():
            self._close_idle()


def _is_usable(connection: Http2Connection) -> bool:
    """Return whether an idle connection can carry a request; if not, it is closed."""
    try:
        connection.drain()
    except (OSError, Http2Error, NotProcessedError, StreamResetError):
        connection.close()
    if not connection.is_usable:
        connection.close()
    return connection.is_usable


def _encoded(more: tuple[tuple[str, str], ...]) -> bytes:
    return encode_fields(more) if more else b""


def _timeout_field(seconds: float) -> bytes:
    milliseconds = math.ceil(1000 * seconds)
    text = b"%dm" % milliseconds if milliseconds <= _MOST_NUMBER else b"%dS" % min(milliseconds // 1000, _MOST_NUMBER)
    return b"%b%c%b" % (_TIMEOUT_NAME, len(text), text)


def _translate(error: BaseException, most_bytes: int) -> BaseException:
    if isinstance(error, TimeoutError):
        return CallFailedError("deadline", "no response in time")
    if isinstance(error, OversizedReplyError):
        return CallFailedError("large_response", f"Received message larger than max ({error} vs. {most_bytes})")
    if isinstance(error, OSError | Http2Error | StreamResetError):
        return CallFailedError("unavailable", f"{type(error).__name__}: {error}")
    return error
