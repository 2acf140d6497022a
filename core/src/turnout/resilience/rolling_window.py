"""A rolling window: counts over the last seconds."""

from __future__ import annotations

# Slots instead of a list of times: memory and cost stay constant at any rate of calls.
_SLOTS = 10


class RollingWindow:
    """Answers and failures of the last ``seconds``, dropped a tenth at a time. Not thread-safe: its owner has a lock."""

    __slots__ = ("_answers", "_failures", "_slot", "_slot_seconds")

    def __init__(self, seconds: float) -> None:
        self._slot_seconds = seconds / _SLOTS
        self._slot = 0
        self._answers = [0] * _SLOTS
        self._failures = [0] * _SLOTS

    def add_answer(self, now: float) -> None:
        """Count an answer at ``now``, on a monotonic clock."""
        self._answers[self._index(now)] += 1

    def add_failure(self, now: float) -> None:
        """Count a failure at ``now``."""
        self._failures[self._index(now)] += 1

    @property
    def calls(self) -> int:
        """Answers and failures in the window, at the time of the last call that was added."""
        return sum(self._answers) + sum(self._failures)

    @property
    def failures(self) -> int:
        """Failures in the window, at the time of the last call that was added."""
        return sum(self._failures)

    def _index(self, now: float) -> int:
        slot = int(now / self._slot_seconds)
        if slot != self._slot:
            self._advance(slot)
        return slot % _SLOTS

    def _advance(self, slot: int) -> None:
        # After a long pause each slot is cleared once, not once for every tenth that passed.
        for passed in range(max(self._slot, slot - _SLOTS) + 1, slot + 1):
            self._answers[passed % _SLOTS] = self._failures[passed % _SLOTS] = 0
        # Callers read the clock before they take the lock, so ``now`` may be a slot behind.
        self._slot = max(slot, self._slot)
