"""A short wait for requests that are about to arrive."""

from __future__ import annotations

_SHARE = 0.5
_LEAST_SECONDS = 0.0002
_MOST_SECONDS = 0.005
_GIVE_UP = 0.05
_PROBES = 64


class Linger:
    """Learns whether waiting a little completes a batch, and how long that is worth.

    Callers that come back at once after each answer would otherwise fall into two halves that never meet: one half runs while
    the other waits. The wait is a share of the last execution, ends when no request has arrived for a quarter of it, and
    becomes shorter each time that it did not complete a batch. Not thread-safe.

    Attributes:
        expected: how many requests there will be, from those that ran and waited at the last execution; a lone caller
            expects no other.
    """

    def __init__(self) -> None:
        self.expected = 1
        self._patience = 1.0
        self._execution_seconds = 0.0
        self._skipped = 0
        self._limit = 0.0
        self._seen = 0
        self._seen_at = 0.0
        self._began = -1.0

    def executed(self, requests: int, others: int, seconds: float) -> None:
        """Record an execution of ``requests``, at whose end ``others`` were waiting or running."""
        self.expected = requests + others
        self._execution_seconds = seconds

    def wait_seconds(self, present: int, now: float) -> float:
        """Return how long to wait before asking again; 0 if a batch of ``present`` requests is to run now."""
        if self._began < 0:
            if present >= self.expected or not self._is_worth_it():
                return 0.0
            self._limit = self._patience * min(max(self._execution_seconds * _SHARE, _LEAST_SECONDS), _MOST_SECONDS)
            self._began, self._seen, self._seen_at = now, present, now
        if present >= self.expected:
            self._patience = min(1.0, self._patience * 2)
            return 0.0
        if present > self._seen:
            self._seen, self._seen_at = present, now
        gap = self._limit / 4
        if now - self._began >= self._limit or now - self._seen_at >= gap:
            self._patience /= 2
            return 0.0
        return gap

    def end(self) -> None:
        """Record that the batch runs."""
        self._began = -1.0

    def _is_worth_it(self) -> bool:
        if self._patience >= _GIVE_UP:
            return True
        self._skipped += 1
        if self._skipped < _PROBES:
            return False
        # Callers change: one more try.
        self._skipped, self._patience = 0, _GIVE_UP * 2
        return True
