"""Counting over the last seconds."""

from __future__ import annotations

_SLOTS = 10


class RollingWindow:
    """Answers and failures of the last ``seconds``, forgotten a tenth at a time. Not thread-safe: its owner has a lock."""

    __slots__ = ("_answers", "_failures", "_slot", "_slot_seconds")

    def __init__(self, seconds: float) -> None:
        self._slot_seconds = seconds / _SLOTS
        self._slot = 0
        self._answers = [0] * _SLOTS
        self._failures = [0] * _SLOTS

    def add_answer(self, now: float) -> None:
        """Count an answer at ``now``, on a clock that never goes back."""
        slot = int(now / self._slot_seconds)
        if slot != self._slot:
            self._turn_to(slot)
        self._answers[slot % _SLOTS] += 1

    def add_failure(self, now: float) -> None:
        """Count a failure at ``now``."""
        slot = int(now / self._slot_seconds)
        if slot != self._slot:
            self._turn_to(slot)
        self._failures[slot % _SLOTS] += 1

    @property
    def calls(self) -> int:
        """Answers and failures since the window's start, as of the last call that was added."""
        return sum(self._answers) + sum(self._failures)

    @property
    def failures(self) -> int:
        """Failures since the window's start, as of the last call that was added."""
        return sum(self._failures)

    def _turn_to(self, slot: int) -> None:
        for passed in range(max(self._slot, slot - _SLOTS) + 1, slot + 1):
            self._answers[passed % _SLOTS] = self._failures[passed % _SLOTS] = 0
        self._slot = max(slot, self._slot)
