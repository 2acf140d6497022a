"""Rounds of a load, and what they say together."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from turnout.commands.bench.load.outcome import LoadOutcome

_PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
# With fewer answers, a percentile is hardly more than one of the slowest answers.
_MIN_ANSWERS = {"p50": 1, "p90": 10, "p95": 20, "p99": 100}


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one arm.

    Attributes:
        seconds: the time until its last answer.
        outcome: the outcome of its requests.
        cpu_seconds: the CPU time that this process took meanwhile.
        resident_bytes: the memory of this process at its end.
    """

    seconds: float
    outcome: LoadOutcome
    cpu_seconds: float = 0.0
    resident_bytes: int = 0

    @property
    def requests_per_second(self) -> float:
        """Answered requests per second."""
        return len(self.outcome.latencies) / self.seconds if self.seconds else 0.0

    def latency(self, name: str) -> float | None:
        """Return the percentile ``name`` of the latencies; None with too few answers."""
        return percentiles(self.outcome.latencies)[name]


def percentiles(latencies: Sequence[float]) -> dict[str, float | None]:
    """Return percentiles, mean and maximum: each percentile is one of ``latencies``, None where there are too few."""
    seconds: dict[str, float | None] = dict.fromkeys(_PERCENTILES)
    known = [name for name in _PERCENTILES if len(latencies) >= _MIN_ANSWERS[name]]
    if known:
        values = np.percentile(latencies, [_PERCENTILES[name] for name in known], method="inverted_cdf")
        seconds |= dict(zip(known, map(float, values), strict=True))
    return seconds | {"mean": statistics.fmean(latencies) if latencies else None, "max": max(latencies, default=None)}


def pair_ratios(pairs: Iterable[tuple[float | None, float | None]]) -> list[float]:
    """Return the first over the second of each pair that has both."""
    return [one / other for one, other in pairs if one is not None and other]


def median_or_none(values: Sequence[float]) -> float | None:
    """Return the median; None of nothing."""
    return statistics.median(values) if values else None


def add_outcomes(rounds: Sequence[Round]) -> LoadOutcome:
    """Return the outcomes of all rounds together."""
    total = LoadOutcome()
    for one in rounds:
        total.add(one.outcome)
    return total


def round_facts(one: Round) -> Mapping[str, float | int | None]:
    """Return what a later comparison needs of a round."""
    return {
        "seconds": one.seconds,
        "answered": len(one.outcome.latencies),
        "requests_per_second": one.requests_per_second,
        "p50": one.latency("p50"),
        "p95": one.latency("p95"),
    }
