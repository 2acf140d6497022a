"""What shadows tell, kept so that a test can wait for it."""

from __future__ import annotations

import threading
from collections import Counter

LIMIT_SECONDS = 20
"""How long a test waits for what must happen at once."""


class CountingMeter:
    """Counts verdicts as the meter of a shadow does; ``wait`` returns when so many are in."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.errors: list[float | None] = []
        self._changed = threading.Condition()

    def count(self, verdict: str, max_abs_error: float | None = None) -> None:
        with self._changed:
            self.verdicts[str(verdict)] += 1
            self.errors.append(max_abs_error)
            self._changed.notify_all()

    def wait(self, total: int) -> dict[str, int]:
        with self._changed:
            assert self._changed.wait_for(lambda: self.verdicts.total() >= total, LIMIT_SECONDS), self.verdicts
            return dict(self.verdicts)
