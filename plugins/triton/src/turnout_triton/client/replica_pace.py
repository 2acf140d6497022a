"""The pace of one of several servers: how long it usually takes to answer, and whether it is silent."""

from __future__ import annotations

import itertools
import time

_WEIGHT = 0.125
# As the core's circuit: a caller with a deadline of 2 ms for a model of 50 ms says nothing about the server.
_PATIENCE, _MIN_PATIENCE_SECONDS, _PATIENCE_BEFORE_FIRST_ANSWER_SECONDS = 1.5, 0.01, 0.1
_SILENT, _MIN_SILENT_SECONDS = 10.0, 0.05


class ReplicaPace:
    """Knows the calls in flight, the last answer and the usual latency.

    Thread-safe without a lock: operations of a dict are atomic, and of two values that threads write at once either is true.
    """

    def __init__(self) -> None:
        self._usual: float | None = None
        self._last_answer = float("-inf")
        self._in_flight: dict[int, float] = {}
        self._numbers = itertools.count()

    def begin(self) -> int:
        """Record the start of a call; return its number."""
        number = next(self._numbers)
        self._in_flight[number] = time.monotonic()
        return number

    def end(self, number: int) -> None:
        """Record the end of a call, whatever it was."""
        self._in_flight.pop(number, None)  # none in a forked child

    def add_answer(self, start: float) -> None:
        """Record an answer to a request that was sent at ``start``."""
        now = self._last_answer = time.monotonic()
        usual = self._usual
        self._usual = now - start if usual is None else usual + _WEIGHT * (now - start - usual)

    def hangs(self, start: float) -> bool:
        """Return whether a call since ``start`` that ended at its deadline shows that the server hangs.

        It does if the server had its usual time and half as much again, and answered no request meanwhile.
        """
        usual = self._usual
        patience = _PATIENCE_BEFORE_FIRST_ANSWER_SECONDS if usual is None else max(_PATIENCE * usual, _MIN_PATIENCE_SECONDS)
        return self._last_answer <= start and time.monotonic() - start >= patience

    def is_silent(self, now: float) -> bool:
        """Return whether calls are in flight and there was no answer for ten times the usual latency, 50 ms at least."""
        if not self._in_flight:
            return False
        try:
            oldest = next(iter(self._in_flight.values()))
        except (StopIteration, RuntimeError):  # other threads ended or began calls at this moment
            return False
        return now - max(oldest, self._last_answer) > max(_SILENT * (self._usual or 0.0), _MIN_SILENT_SECONDS)
