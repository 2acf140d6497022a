"""Connecting to the addresses of a host name."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time

# As RFC 8305 recommends: an address that drops packets delays a connection by this much, and not by the whole deadline.
_STAGGER_SECONDS = 0.25
_IN_PROGRESS = {0, errno.EINPROGRESS, errno.EWOULDBLOCK}
Address = tuple[int, tuple[object, ...]]


class Dialer:
    """Connects to the addresses of one host name, the one that answered last first.

    Each further attempt starts 0.25 s after the one before, or when it fails; the first that succeeds wins. Thread-safe without
    a lock: whichever answered last is written last.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._last: Address | None = None

    def dial(self, seconds: float) -> socket.socket:
        """Return a connected socket.

        Raises:
            TimeoutError: no address answered within ``seconds``.
            OSError: the name has no address, or every address refused; the error is the last one.
        """
        deadline = time.monotonic() + seconds
        # Resolved for each connection: a name may move to another server. The system does not take a deadline for it.
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys((int(family), tuple(address)) for family, _, _, _, address in found))
        addresses.sort(key=lambda address: address != self._last)  # a stable sort keeps the system's order
        attempts: dict[int, tuple[socket.socket, Address]] = {}
        try:
            return self._first_of(addresses, attempts, deadline)
        finally:
            for pending, _ in attempts.values():
                pending.close()

    def _first_of(
        self, addresses: list[Address], attempts: dict[int, tuple[socket.socket, Address]], deadline: float
    ) -> socket.socket:
        failed: OSError | None = None
        poll, next_start = select.poll(), time.monotonic()
        while addresses or attempts:
            now = time.monotonic()
            if now >= deadline:
                raise TimeoutError
            if addresses and (now >= next_start or not attempts):
                refused = _start(addresses.pop(0), attempts, poll)
                failed, next_start = refused or failed, now if refused else now + _STAGGER_SECONDS
                continue
            until = min(deadline, next_start) if addresses else deadline
            for descriptor, _ in poll.poll(max(1.0, 1000 * (until - now))):
                poll.unregister(descriptor)
                opened, address = attempts.pop(descriptor)
                error = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not error:
                    opened.settimeout(max(0.001, deadline - time.monotonic()))
                    self._last = address
                    return opened
                opened.close()
                failed, next_start = _error(error), now
        raise failed or OSError(f"{self._host!r} has no address")


def _start(address: Address, attempts: dict[int, tuple[socket.socket, Address]], poll: select.poll) -> OSError | None:
    """Begin to connect to ``address``; return the error if that fails at once."""
    family, target = address
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(contextlib.closing(socket.socket(family, socket.SOCK_STREAM)))
            opened.setblocking(False)
            code = opened.connect_ex(target)
        except OSError as error:  # such as a family that this machine does not have
            return error
        if code not in _IN_PROGRESS:
            return _error(code)
        stack.pop_all()
    poll.register(opened, select.POLLOUT)
    attempts[opened.fileno()] = opened, address
    return None


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
