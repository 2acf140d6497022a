"""What a load measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from turnout.commands.bench.load import Answered

_PERCENTILES = {"p50": 50, "p95": 95, "p99": 99}
# A percentile of fewer answers is hardly more than one of them.
_LEAST = {"p50": 1, "p95": 20, "p99": 100}


@dataclass(frozen=True, slots=True)
class Round:
    """What one arm did in one round: ``seconds`` until the last answer."""

    seconds: float
    answered: Answered

    @property
    def requests_per_second(self) -> float:
        """Good answers a second."""
        return len(self.answered.latencies) / self.seconds

    @property
    def median_seconds(self) -> float | None:
        """The median latency; None without any answer."""
        return statistics.median(self.answered.latencies) if self.answered.latencies else None


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What one arm did under so many callers.

    Attributes:
        backend: the arm.
        callers: how many asked at once.
        rounds: how many turns it had.
        requests: how many were sent.
        failed: how many of them failed, by the name of the error.
        said: what the first failure of each name said.
        requests_per_second: good answers a second, the median of the rounds.
        latency_seconds: ``p50``, ``p95``, ``p99``, ``mean`` and ``max`` of all rounds; None where there are too few answers.
        rate_ratio: ``requests_per_second`` over the reference's, the median of the rounds; None without a reference.
        latency_ratio: the same of the median latency.
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

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "failed": dict(self.failed),
            "said": dict(self.said),
            "latency_seconds": dict(self.latency_seconds),
        }


def figures(backend: str, callers: int, rounds: Sequence[Round], reference: Sequence[Round] | None) -> LoadFigures:
    """Return what ``rounds`` come to, beside those that ``reference`` had at the same time."""
    together = Answered()
    for one in rounds:
        together.add(one.answered)
    pairs = list(zip(rounds, reference or (), strict=reference is not None))
    return LoadFigures(
        backend,
        callers,
        len(rounds),
        len(together.latencies) + together.errors.total(),
        dict(together.errors),
        dict(together.said),
        statistics.median(one.requests_per_second for one in rounds),
        _latency(together.latencies),
        _median_ratio((one.requests_per_second, other.requests_per_second) for one, other in pairs),
        _median_ratio((one.median_seconds, other.median_seconds) for one, other in pairs),
    )


def _latency(latencies: list[float]) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        name: float(np.percentile(latencies, share)) if len(latencies) >= _LEAST[name] else None
        for name, share in _PERCENTILES.items()
    }
    found["mean"] = statistics.fmean(latencies) if latencies else None
    found["max"] = max(latencies, default=None)
    return found


def _median_ratio(pairs: Any) -> float | None:
    ratios = [one / other for one, other in pairs if one is not None and other]
    return statistics.median(ratios) if ratios else None
