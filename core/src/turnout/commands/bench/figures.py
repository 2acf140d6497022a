"""Figures of a load: rates, latencies, failures, and ratios over a reference."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from turnout.commands.bench.load import LoadOutcome

_PERCENTILES = {"p50": 50, "p95": 95, "p99": 99}
# With fewer answers, a percentile is hardly more than one of the slowest answers.
_MIN_ANSWERS = {"p50": 1, "p95": 20, "p99": 100}


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one arm: ``seconds`` until its last answer, and the outcome of its requests."""

    seconds: float
    outcome: LoadOutcome

    @property
    def requests_per_second(self) -> float:
        """Successful requests per second."""
        return len(self.outcome.latencies) / self.seconds

    @property
    def median_seconds(self) -> float | None:
        """The median latency; None without any answer."""
        return statistics.median(self.outcome.latencies) if self.outcome.latencies else None


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The figures of one arm under one number of callers.

    Attributes:
        backend: the arm.
        callers: the number of concurrent callers.
        rounds: the number of rounds.
        requests: the number of requests that were sent.
        failed: the number of failed requests, by the name of the error.
        said: the message of the first failure of each name.
        requests_per_second: successful requests per second, the median of the rounds.
        latency_seconds: ``p50``, ``p95``, ``p99``, ``mean`` and ``max`` over all rounds; None where there are too few answers.
        rate_ratio: ``requests_per_second`` over the reference's, the median of the rounds; None without a reference.
        latency_ratio: the same for the median latency.
    """

    backend: str
    callers: int
    rounds: int
    requests: int
    failed: Mapping[str, int]
    said: Mapping[str, str]
    requests_per_second: float
    latency_seconds: Mapping[str, float | None]
    rate_ratio: float | None
    latency_ratio: float | None


def summarize(backend: str, callers: int, rounds: Sequence[Round], reference: Sequence[Round] | None) -> LoadFigures:
    """Return the figures of ``rounds``; ratios pair each with the round of ``reference`` at the same time."""
    total = LoadOutcome()
    for one in rounds:
        total.add(one.outcome)
    pairs = list(zip(rounds, reference or (), strict=reference is not None))
    return LoadFigures(
        backend,
        callers,
        len(rounds),
        len(total.latencies) + total.errors.total(),
        dict(total.errors),
        dict(total.said),
        statistics.median(one.requests_per_second for one in rounds),
        _latency(total.latencies),
        _median_ratio((one.requests_per_second, other.requests_per_second) for one, other in pairs),
        _median_ratio((one.median_seconds, other.median_seconds) for one, other in pairs),
    )


def _latency(latencies: list[float]) -> dict[str, float | None]:
    seconds: dict[str, float | None] = {
        name: float(np.percentile(latencies, share)) if len(latencies) >= _MIN_ANSWERS[name] else None
        for name, share in _PERCENTILES.items()
    }
    seconds["mean"] = statistics.fmean(latencies) if latencies else None
    seconds["max"] = max(latencies, default=None)
    return seconds


def _median_ratio(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    ratios = [one / other for one, other in pairs if one is not None and other]
    return statistics.median(ratios) if ratios else None
