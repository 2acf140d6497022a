"""A socket whose every wait ends at a deadline."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from turnout_triton.client.messages import Buffer

ResultT = TypeVar("ResultT")
_MOST_BYTES = 65_536
_LONGEST_POLL_MILLISECONDS = 1e9
_WANTS_READ, _WANTS_WRITE = (BlockingIOError, ssl.SSLWantReadError), (BlockingIOError, ssl.SSLWantWriteError)


class TimedSocket:
    """A connected socket, plain or of TLS; deadlines are times of ``time.monotonic``. For one thread at a time.

    Every method but ``poll_readable`` raises TimeoutError at its deadline, however slowly the bytes come, and OSError if the
    connection breaks.
    """

    # Not a socket's own timeout: it starts again with each byte, and it costs two system calls where one poll() is enough.
    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._is_encrypted = isinstance(connected, ssl.SSLSocket)
        # poll(), because select() fails on descriptors from 1024 on.
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(connected, select.POLLIN)
        self._writable.register(connected, select.POLLOUT)
        self._send, self._recv = connected.send, connected.recv
        # With 0 it returns a true value if there is something to read, or the connection has ended.
        self.poll_readable = self._readable.poll

    def send(self, data: Buffer, deadline: float) -> None:
        """Send all of ``data``."""
        try:
            sent = self._send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:], deadline)

    def receive(self, deadline: float) -> bytes:
        """Return what has arrived, 64 KiB at most; empty at the connection's end."""
        # What _receive does where nothing is odd, without its calls, which cost most after a wait, when caches are cold.
        milliseconds = 1000 * (deadline - monotonic())
        if not self._is_encrypted and 0 < milliseconds < _LONGEST_POLL_MILLISECONDS and self.poll_readable(milliseconds):
            try:
                return self._recv(_MOST_BYTES)
            except BlockingIOError:
                pass
        return self._receive(self._recv, _MOST_BYTES, deadline)

    def receive_into(self, buffer: Any, deadline: float) -> int:
        """Write to ``buffer`` what has arrived, and return how much that is; 0 at the connection's end."""
        return self._receive(self._socket.recv_into, buffer, deadline)

    def close(self) -> None:
        """Close this process's side."""
        self._socket.close()

    def _receive(self, receive: Callable[[Any], ResultT], argument: object, deadline: float) -> ResultT:
        if self._is_encrypted:  # poll() does not see what is decrypted already
            _milliseconds_until(deadline)
        else:
            self._wait(self._readable, deadline)
        while True:
            try:
                return receive(argument)
            except _WANTS_READ:
                self._wait(self._readable, deadline)
            except ssl.SSLWantWriteError:
                self._wait(self._writable, deadline)

    def _send_rest(self, rest: memoryview, deadline: float) -> None:
        self._wait(self._writable, deadline)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except _WANTS_WRITE:
                self._wait(self._writable, deadline)
            except ssl.SSLWantReadError:
                self._wait(self._readable, deadline)

    def _wait(self, event: select.poll, deadline: float) -> None:
        while not event.poll(_milliseconds_until(deadline)):
            pass


def _milliseconds_until(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return min(1000 * left, _LONGEST_POLL_MILLISECONDS)
