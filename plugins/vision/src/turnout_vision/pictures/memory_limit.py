"""A limit of memory that threads share: each waits until the others leave enough."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from turnout.forking import Forks


class MemoryLimit:
    """Lets threads hold memory while together they hold at most ``limit`` bytes. Thread-safe.

    What needs more than the limit has it alone. ``_free`` guards ``_used``; a wait ends when another thread gives back what it
    holds. A forked child begins with nothing in use.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget what the parent's threads hold."""
        self._free = threading.Condition()
        self._used = 0

    @contextmanager
    def hold(self, needed: int) -> Iterator[None]:
        """Hold ``needed`` bytes in the block; wait until they are free."""
        needed = min(needed, self._limit)
        with self._free:
            self._free.wait_for(lambda: self._used + needed <= self._limit)
            self._used += needed
        try:
            yield
        finally:
            with self._free:
                self._used -= needed
                self._free.notify_all()
