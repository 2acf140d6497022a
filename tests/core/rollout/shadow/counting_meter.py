"""A meter of verdicts that a test can wait for."""

from __future__ import annotations

import threading
from collections import Counter

LIMIT_SECONDS = 20
"""The longest wait of a test for an event that happens at once."""


class CountingMeter:
    """Counts verdicts as the meter of a shadow does; ``wait`` returns at a given total."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.errors: list[float | None] = []
        self.latencies: list[tuple[float, float]] = []
        self._changed = threading.Condition()

    def count(self, verdict: str, max_abs_error: float | None = None) -> None:
        with self._changed:
            self.verdicts[str(verdict)] += 1
            self.errors.append(max_abs_error)
            self._changed.notify_all()

    def observe(self, primary_seconds: float, shadow_seconds: float) -> None:
        self.latencies.append((primary_seconds, shadow_seconds))

    def wait(self, total: int) -> dict[str, int]:
        with self._changed:
            assert self._changed.wait_for(lambda: self.verdicts.total() >= total, LIMIT_SECONDS), self.verdicts
            return dict(self.verdicts)
