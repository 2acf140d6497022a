"""The ratio of two arms over paired rounds, with the interval that noise leaves open."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH_ROUNDS = 5
"""With fewer, not even the smallest and the largest of them say with 90 % where the median is."""
_DOUBT = 0.05


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of ratios, and the interval in which it is with 95 %, of five rounds 94 %.

    Attributes:
        median: the median.
        low: the lower end of the interval.
        high: its upper end.
        rounds: the number of ratios.
    """

    median: float
    low: float
    high: float
    rounds: int

    @property
    def is_known(self) -> bool:
        """True if there were enough rounds to say anything."""
        return self.rounds >= ENOUGH_ROUNDS

    def __str__(self) -> str:
        return f"{self.median:.3g} x"


def ratio_of(ratios: Sequence[float]) -> Ratio | None:
    """Return the median of ``ratios`` and its interval; None of nothing.

    The interval is between two of the sorted ratios, so it assumes no distribution: a round that was disturbed changes nothing.
    """
    if not ratios:
        return None
    ordered = sorted(ratios)
    left_out = _left_out(len(ordered))
    return Ratio(statistics.median(ordered), ordered[left_out], ordered[-1 - left_out], len(ordered))


def _left_out(count: int) -> int:
    """Return how many values at each end are outside the interval of the median of ``count`` values."""
    left_out, tail = 0, 0.0
    # The median is below the k-th value as often as a coin shows heads less than k times.
    while left_out < (count - 1) // 2:
        tail += math.comb(count, left_out) / 2**count
        if 2 * (tail + math.comb(count, left_out + 1) / 2**count) > _DOUBT:
            break
        left_out += 1
    return left_out
