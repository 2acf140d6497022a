"""Latencies of models, from the histograms of a scrape."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

HISTOGRAM = "turnout_inference_duration_seconds"
Arm = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Latency:
    """The requests of one model on one backend since the start.

    Attributes:
        requests: how many were counted.
        p95_seconds: the time within which 95 of 100 were answered; None without any.
    """

    requests: int = 0
    p95_seconds: float | None = None


def read_latencies(families: Iterable[Any]) -> dict[Arm, Latency]:
    """Return the latency of each model and backend in the ``families`` of a scrape."""
    buckets: dict[Arm, dict[float, float]] = defaultdict(dict)
    for family in families:
        if family.name == HISTOGRAM:
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    arm = sample.labels["model"], sample.labels["backend"]
                    buckets[arm][float(sample.labels["le"])] = sample.value
    return {arm: Latency(int(counts[math.inf]), quantile(0.95, counts)) for arm, counts in buckets.items()}


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """Return the value below which ``share`` of the counts are, as PromQL's ``histogram_quantile`` does; None without counts.

    ``buckets`` are the cumulative counts by upper bound, infinity included. Beyond the last finite bound it is that bound.
    """
    total = buckets[math.inf]
    if not total:
        return None
    below, counted = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= share * total:
            if math.isinf(bound):
                return below
            return below + (bound - below) * (share * total - counted) / (count - counted)
        below, counted = bound, count
    return below
