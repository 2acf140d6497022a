"""Latencies as counts in narrow buckets, which add up over processes and restarts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

# Each bucket is 2 % wider than the one before, so its middle is within 1 % of every value in it.
_WIDTH = math.log(1.02)
MAX_BUCKET = 2000
"""The greatest number of a bucket: 5,000 years; the least is its negative."""


class LatencyCounts:
    """Counts of latencies, with percentiles that are exact within 1 %. Not thread-safe."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts = Counter(counts or {})

    def add(self, seconds: float) -> None:
        """Count one call."""
        self.counts[math.floor(math.log(max(seconds, 1e-9)) / _WIDTH)] += 1

    def merge(self, other: LatencyCounts) -> None:
        """Add the counts of ``other``."""
        self.counts.update(other.counts)

    def percentile(self, share: float) -> float | None:
        """Return the seconds that ``share`` of the calls did not exceed; None without calls."""
        rank, seen = math.ceil(share * self.counts.total()), 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return math.exp((bucket + 0.5) * _WIDTH)
        return None
