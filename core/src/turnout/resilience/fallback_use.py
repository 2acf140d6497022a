"""The use of a fallback over time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from turnout.forking import Forks
from turnout.log_pace import PAUSE_SECONDS

OVER_SECONDS = 10.0
"""The time without a request of the fallback after which an answer of the first backend ends its use."""


class FallbackUse:
    """The use of a fallback, with its beginnings and ends that are worth a log line: one of each a minute at most.

    Thread-safe: all that changes is under ``_lock``; ``active`` is read without it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.active = False
        self._clock = clock
        self._logged = False
        self._since = self._last = 0.0
        self._next_line = clock()
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def record_use(self) -> bool:
        """Record a request of the fallback; return whether to log that it is in use."""
        now = self._clock()
        with self._lock:
            if not self.active:
                self.active, self._logged, self._since = True, False, now
            self._last = now
            if self._logged or now < self._next_line:
                return False
            self._logged, self._next_line = True, now + PAUSE_SECONDS
            return True

    def record_answer(self) -> float | None:
        """Record an answer of the first backend; return the seconds of use if that was its end, and one to log."""
        now = self._clock()
        with self._lock:
            if not self.active or now - self._last < OVER_SECONDS:
                return None
            self.active = False
            return now - self._since if self._logged else None
