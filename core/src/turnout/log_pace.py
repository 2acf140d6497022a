"""The pace of log lines about what may happen at each request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from turnout.forking import Forks

PAUSE_SECONDS = 60.0
"""The least time between two lines about one thing."""


class LogPace:
    """Admits the first line, and then one a minute at most. Thread-safe: all that changes is under ``_lock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()
        self._left_out = 0
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def admit(self) -> int | None:
        """Return the number of lines that were left out since the last one; None if this one is left out too."""
        now = self._clock()
        with self._lock:
            if now < self._next:
                self._left_out += 1
                return None
            self._next, left_out, self._left_out = now + PAUSE_SECONDS, self._left_out, 0
            return left_out
