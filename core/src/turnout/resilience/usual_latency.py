"""The usual latency of an arm."""

from __future__ import annotations

_WEIGHT = 0.125


class UsualLatency:
    """A moving mean of latencies, in seconds. Safe without a lock: a race loses one of two values, and the mean stays good.

    Attributes:
        value: the mean; None before the first answer.
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, seconds: float) -> None:
        """Record the latency of one answer."""
        # One read: another thread may write between two.
        value = self.value
        self.value = seconds if value is None else value + _WEIGHT * (seconds - value)
