"""The log lines of a circuit that opens and closes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from turnout.forking import Forks

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0


class CircuitLog:
    """Logs that a circuit opened, and that it closed: once each 10 s at most, where a backend fails and recovers all the time.

    A circuit that opened within the pause is logged at the first request that it refuses after it. Thread-safe: all that
    changes is under ``_lock``.
    """

    def __init__(self, model: str, backend: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._fields = {"model": model, "backend": backend}
        self._clock = clock
        self._next = clock()
        self._unlogged = ""
        self._logged = False
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def opened(self, text: str) -> None:
        """Log ``text``, now or at a later refusal."""
        with self._lock:
            self._unlogged, self._logged = text, False
        self.refused()

    def refused(self) -> None:
        """Log that the circuit opened, if that was not logged and the pause is over."""
        if not self._unlogged:
            return
        with self._lock:
            now = self._clock()
            if now < self._next:
                return
            text, self._unlogged = self._unlogged, ""
            self._next, self._logged = now + PAUSE_SECONDS, True
        if text:
            logger.warning("%s", text, extra=self._fields)

    def closed(self, text: str) -> None:
        """Log ``text`` if it was logged that the circuit opened."""
        with self._lock:
            logged, self._logged, self._unlogged = self._logged, False, ""
        if logged:
            logger.warning("%s", text, extra=self._fields)
