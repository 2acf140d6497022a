"""Processes of models that ended while their models were loading, from Linux's /proc."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from turnout_triton.server.process_states import DEAD, PROC, state_of

_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.25


class DeadStubs:
    """The children of a server that ended and that it does not notice: it waits for them until the stub timeout, 120 s.

    A server ends the stub that completes a config itself, and reaps it at once: so a child counts only after 2 s.
    """

    def __init__(self, server: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._since: dict[int, float] = {}
        self._next = 0.0

    def exist(self) -> bool:
        """Return whether a child has been dead for a while; looks four times a second at most."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + _POLL_SECONDS
        self._since = {pid: self._since.get(pid, now) for pid in _dead_children(self._server)}
        return any(now - since >= _GRACE_SECONDS for since in self._since.values())


def _dead_children(pid: int) -> Iterator[int]:
    for children in (PROC / str(pid) / "task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                if state_of(PROC / child) == DEAD:
                    yield int(child)
