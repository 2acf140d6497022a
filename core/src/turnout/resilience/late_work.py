"""Late work: executions that run on although their callers have left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from turnout.forking import Forks


class LateWork:
    """The executions of one arm whose callers no longer wait, because of a deadline or a cancellation.

    A thread cannot be ended from outside: they run to their end, and their answers are dropped. Thread-safe without a lock: the
    length of a deque is the number of those that still run. A forked child has none of its parent's.
    """

    def __init__(self, count: Callable[[], object]) -> None:
        """Start without any; ``count`` is called for each."""
        self._count = count
        self.renew()
        Forks.renew(self)

    def __len__(self) -> int:
        return len(self._running)

    def add(self, future: Future[Any]) -> None:
        """Count an execution that runs until ``future`` ends."""
        self._count()
        running = self._running
        running.append(None)
        future.add_done_callback(lambda _: running.pop())

    def renew(self) -> None:
        """Forget the parent's executions, whose threads do not exist here."""
        self._running: deque[None] = deque()
