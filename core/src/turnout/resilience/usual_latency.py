"""How long answers take lately."""

from __future__ import annotations

_WEIGHT = 0.125


class UsualLatency:
    """A moving mean of how long answers take. Threads may race: one of two times is lost then, which the mean forgives.

    Attributes:
        value: the mean; None before the first answer.
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, seconds: float) -> None:
        """Take the time of one answer."""
        value = self.value
        self.value = seconds if value is None else value + _WEIGHT * (seconds - value)
