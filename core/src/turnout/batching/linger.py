"""A short wait for requests that are about to arrive."""

from __future__ import annotations

from math import inf

_SHARE_OF_EXECUTION = 0.5
_LEAST_SECONDS = 0.002
_MOST_SECONDS = 0.005
_QUIET_SECONDS = 0.0005
_EPOCH_BATCHES, _EPOCH_SECONDS = 8, 0.02
_EPOCHS_OF_TRIAL, _EPOCHS_OF_CLEAR_TRIAL = 6, 4
_WORTH_IT, _PLAIN = 1.05, 1.15
_LEAST_EPOCHS_KEPT, _MOST_EPOCHS_KEPT = 30, 480
_ALL, _HALF = 1.0, 0.5
_DECAY = 0.7


class Linger:
    """Learns how many requests a batch should wait for, and how many it takes.

    Callers that come back after each answer form groups. With half of them in a batch, one half runs while the other comes
    back, which is best where another core can do that; with all of them each execution has the most rows. So both are tried in
    turns, and the faster one is kept for a while, the longer the more often it has won; all of them, if they are alike. A wait
    ends when no request has arrived for half a millisecond, and at the latest after half an execution; then fewer callers are
    expected. A lone caller is never waited for, and waits for no other. Not thread-safe.

    Attributes:
        callers: the number of callers at a time, as far as known.
        target: the number of requests that a batch waits for.
        most: the number of requests that a batch takes.
    """

    def __init__(self, largest: int) -> None:
        """Wait for ``largest`` requests at most."""
        self.callers = 1
        self.target = 1
        self.most = inf
        self._largest = max(largest, 1)
        self._share = _ALL
        self._epochs_left = _EPOCHS_OF_TRIAL
        self._is_trial = True
        self._epochs_kept = _LEAST_EPOCHS_KEPT
        self._kept = _ALL
        self._best_rates = {_ALL: 0.0, _HALF: 0.0}
        self._execution_seconds = 0.0
        self._epoch_began: float | None = None
        self._batches = self._requests = self._present = 0
        self._wait_began: float | None = None
        self._seen, self._seen_at = 0, 0.0

    def executed(self, requests: int, others: int, seconds: float, now: float) -> None:
        """Record an execution of ``requests`` that took ``seconds``, at whose end ``others`` were waiting or running."""
        self._execution_seconds = seconds
        self._present = max(self._present, requests + others)
        if self._present > 2 * self.callers:
            self.callers = self._present
            self._begin_epoch(now)
        elif self._epoch_began is not None:
            self._requests += requests
            self._batches += 1
            passed = now - self._epoch_began
            if self._batches >= _EPOCH_BATCHES and passed >= _EPOCH_SECONDS:
                self.callers = self._present
                self._end_epoch(passed)
                self._begin_epoch(now)
        elif self.callers > 1:
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
        self._batches = self._requests = self._present = 0
        self._epoch_began = now
        self._aim()

    def _end_epoch(self, seconds: float) -> None:
        """Choose the share of the callers for the next epoch."""
        self._epochs_left -= 1
        if self._is_trial:
            # The best of a share's epochs: a machine that pauses makes an epoch slower, and nothing makes it faster.
            self._best_rates[self._share] = max(self._best_rates[self._share], self._requests / seconds)
            self._share = _HALF if self._share == _ALL else _ALL
            ratio = self._half_to_all()
            is_clear = self._epochs_left <= _EPOCHS_OF_TRIAL - _EPOCHS_OF_CLEAR_TRIAL and not 1 / _PLAIN < ratio < _PLAIN
            if is_clear or not self._epochs_left:
                self._end_trial(ratio)
        elif not self._epochs_left:
            self._is_trial, self._epochs_left = True, _EPOCHS_OF_TRIAL
            self._best_rates = dict.fromkeys(self._best_rates, 0.0)

    def _half_to_all(self) -> float:
        """Return the rate with half of the callers in a batch, as a part of that with all; 1 while one is unknown."""
        all_rate, half_rate = self._best_rates[_ALL], self._best_rates[_HALF]
        return half_rate / all_rate if all_rate and half_rate else 1.0

    def _end_trial(self, ratio: float) -> None:
        self._share = _HALF if ratio > _WORTH_IT else _ALL
        self._epochs_kept = min(2 * self._epochs_kept, _MOST_EPOCHS_KEPT) if self._share == self._kept else _LEAST_EPOCHS_KEPT
        self._kept, self._is_trial, self._epochs_left = self._share, False, self._epochs_kept

    def _aim(self) -> None:
        self.target = max(1, min(int(self.callers * self._share), self._largest))
        self.most = inf if self._share == _ALL else self.target
