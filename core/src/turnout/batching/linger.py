"""A short wait for requests that are about to arrive."""

from __future__ import annotations

_SHARE_OF_EXECUTION = 0.5
_LEAST_SECONDS = 0.002
_MOST_SECONDS = 0.005
_QUIET_SECONDS = 0.0005
_EPOCH_BATCHES = 12
_WORTH_IT = 1.03
_EPOCHS_BETWEEN_TRIALS = 24
_HALF, _ALL = 0.5, 1.0
_DECAY = 0.7


class Linger:
    """Learns how many requests a batch should wait for.

    Callers that come back after each answer form groups. With half of them in a batch, one half runs while the other comes
    back, which is best where Python is the limit; with all of them each execution has the most rows, which is best where
    executions are. So the rates of both are measured, over some batches each, and the better one is kept; now and then the
    other is tried again. A wait ends when no request has arrived for half a millisecond, and at the latest after half an
    execution; then fewer callers are expected. A lone caller is never waited for, and waits for no other. Not thread-safe.

    Attributes:
        callers: the number of callers at a time, as far as known.
        target: the number of requests that a batch waits for.
    """

    def __init__(self, largest: int) -> None:
        """Wait for ``largest`` requests at most."""
        self.callers = 1
        self.target = 1
        self._largest = max(largest, 1)
        self._share = _HALF
        self._is_trial = False
        self._usual_rate = 0.0
        self._epochs_until_trial = 0
        self._execution_seconds = 0.0
        self._epoch_began: float | None = None
        self._batches = self._requests = self._most = 0
        self._wait_began: float | None = None
        self._seen, self._seen_at = 0, 0.0

    def executed(self, requests: int, others: int, seconds: float, now: float) -> None:
        """Record an execution of ``requests`` that took ``seconds``, at whose end ``others`` were waiting or running."""
        self._execution_seconds = seconds
        self._most = max(self._most, requests + others)
        if self._most > 2 * self.callers:
            self.callers = self._most
            self._begin_epoch(now)
        elif self.callers > 1 and self._epoch_began is None:
            self._begin_epoch(now)
        elif self._epoch_began is not None:
            self._requests += requests
            self._batches += 1
            if self._batches >= _EPOCH_BATCHES:
                self.callers = self._most
                self._end_epoch(self._requests / max(now - self._epoch_began, 1e-9))
                self._begin_epoch(now)

    def wait_seconds(self, present: int, now: float) -> float:
        """Return how long to wait before asking again; 0 if a batch is to run now. ``present`` counts running requests too."""
        if present >= self.target:
            return 0.0
        if self._wait_began is None:
            self._wait_began, self._seen, self._seen_at = now, present, now
        if present > self._seen:
            self._seen, self._seen_at = present, now
        longest = min(max(self._execution_seconds * _SHARE_OF_EXECUTION, _LEAST_SECONDS), _MOST_SECONDS)
        if now - self._wait_began < longest and now - self._seen_at < _QUIET_SECONDS:
            return _QUIET_SECONDS
        self.callers = max(present, int(self.callers * _DECAY))
        self._epoch_began = None
        self._aim()
        return 0.0

    def end(self) -> None:
        """Record that the wait is over."""
        self._wait_began = None

    def _begin_epoch(self, now: float) -> None:
        self._batches = self._requests = self._most = 0
        self._epoch_began = now
        self._aim()

    def _end_epoch(self, rate: float) -> None:
        """Decide by ``rate``, the requests a second of this epoch, for how many callers the next one waits."""
        if self._is_trial:
            self._is_trial = False
            if rate < self._usual_rate * _WORTH_IT:
                self._share = _HALF + _ALL - self._share
            self._epochs_until_trial = _EPOCHS_BETWEEN_TRIALS
        elif self._epochs_until_trial:
            self._epochs_until_trial -= 1
        else:
            self._usual_rate, self._is_trial = rate, True
            self._share = _HALF + _ALL - self._share

    def _aim(self) -> None:
        self.target = max(1, min(int(self.callers * self._share), self._largest))
