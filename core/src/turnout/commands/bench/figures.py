"""Figures of a load: rates, latencies, failures, costs, and ratios over a reference."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from turnout.commands.bench.arms import ArmChoice
from turnout.commands.bench.plan import Load
from turnout.commands.bench.rounds import Round, add_outcomes, median_or_none, pair_ratios, percentiles, round_facts


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The figures of one arm under one load.

    Attributes:
        backend: the arm's backend; of a pipeline, the backends of its models.
        callers: the number of concurrent callers; None under an open load.
        rate: the number of requests that arrive in a second; None with callers.
        rounds: the facts of each round.
        requests: the number of requests that were sent.
        failed: the number of failed requests, by the name of the error.
        said: the message of the first failure of each name.
        requests_per_second: answered requests per second, the median of the rounds.
        latency_seconds: ``p50``, ``p90``, ``p95``, ``p99``, ``mean`` and ``max`` over all answers of all rounds; None where
            there are too few.
        lateness_seconds: how late the load generator was, the 99th percentile; None with callers.
        cpu_seconds: the CPU time of this process per answered request, the load generator's included.
        resident_bytes: the largest resident memory of this process at the end of a round; every measured arm is open then.
        parts: the mean seconds of an answer by part; they add up to the mean latency.
        rate_ratio: ``requests_per_second`` over the reference's, the median of the rounds; None without a reference.
        latency_ratio: the same for the median latency.
    """

    backend: str
    callers: int | None
    rate: float | None
    rounds: Sequence[Mapping[str, float | int | None]]
    requests: int
    failed: Mapping[str, int]
    said: Mapping[str, str]
    requests_per_second: float
    latency_seconds: Mapping[str, float | None]
    lateness_seconds: float | None
    cpu_seconds: float | None
    resident_bytes: int
    parts: Mapping[str, float] = field(default_factory=dict)
    rate_ratio: float | None = None
    latency_ratio: float | None = None


def summarize(
    choice: ArmChoice,
    load: Load,
    rounds: Sequence[Round],
    reference: Sequence[Round] | None,
    parts: Mapping[str, float],
) -> LoadFigures:
    """Return the figures of ``rounds``; ratios pair each with the round of ``reference`` at the same time."""
    total = add_outcomes(rounds)
    answered = len(total.latencies)
    pairs = list(zip(rounds, reference or (), strict=reference is not None))
    return LoadFigures(
        choice.backend,
        load.callers,
        load.rate,
        tuple(round_facts(one) for one in rounds),
        total.sent,
        dict(total.errors),
        dict(total.said),
        statistics.median(one.requests_per_second for one in rounds),
        percentiles(total.latencies),
        percentiles(total.lateness)["p99"] if total.lateness else None,
        sum(one.cpu_seconds for one in rounds) / answered if answered else None,
        max(one.resident_bytes for one in rounds),
        parts,
        median_or_none(pair_ratios((one.requests_per_second, other.requests_per_second) for one, other in pairs)),
        median_or_none(pair_ratios((one.latency("p50"), other.latency("p50")) for one, other in pairs)),
    )
