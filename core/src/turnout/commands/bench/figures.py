"""Figures of a load: rates, latencies, failures, costs, and ratios over a reference."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from turnout.commands.bench.account import Account
from turnout.commands.bench.arms import ArmChoice
from turnout.commands.bench.plan import Load
from turnout.commands.bench.rounds import Round, add_outcomes, median_or_none, pair_ratios, percentiles, round_facts


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement: its load, the rows of a request if they were chosen, and their mean number if there is a batch axis."""

    load: Load
    batch: int | None = None
    rows: float | None = None


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The figures of one arm under one load.

    Attributes:
        backend: the arm's backend; of a pipeline, the backends of its models.
        batching: whether this process merged requests; None if that is as turnout.yaml says, or the backend's own matter.
        delay: ``max_queue_delay_microseconds``; None if it is as turnout.yaml says.
        instances: the number of instances; None if it is as turnout.yaml says.
        batch: the rows of a request, if they were chosen.
        callers: the number of concurrent callers; None under an open load.
        rate: the number of requests that arrive in a second; None with callers.
        rounds: the facts of each round.
        requests: the number of requests that were sent.
        failed: the number of failed requests, by the name of the error.
        said: the message of the first failure of each name.
        requests_per_second: answered requests per second, the median of the rounds.
        rows_per_second: the same in rows; None for a model without a batch axis.
        latency_seconds: ``p50``, ``p90``, ``p95``, ``p99``, ``mean`` and ``max`` over all answers of all rounds; None where
            there are too few.
        lateness_seconds: how late the load generator was, the 99th percentile; None with callers.
        cpu_seconds: the CPU time of this process per answered request, the load generator's included.
        resident_bytes: the largest resident memory of this process at the end of a round; every measured arm is open then.
        parts: the mean seconds of an answer by part; they add up to the mean latency.
        batch_size: the mean rows of an execution; None if it is not known.
        batch_sizes: how many executions had so many rows: exact on a server, up to a power of two in this process.
        compute_by_size: for each size of a batch on a server, how many ran and the seconds of their inference.
        rate_ratio: ``requests_per_second`` over the reference's, the median of the rounds; None without a reference.
        latency_ratio: the same for the median latency.
    """

    backend: str
    batching: bool | None
    delay: int | None
    instances: int | None
    batch: int | None
    callers: int | None
    rate: float | None
    rounds: Sequence[Mapping[str, float | int | None]]
    requests: int
    failed: Mapping[str, int]
    said: Mapping[str, str]
    requests_per_second: float
    rows_per_second: float | None
    latency_seconds: Mapping[str, float | None]
    lateness_seconds: float | None
    cpu_seconds: float | None
    resident_bytes: int
    parts: Mapping[str, float]
    batch_size: float | None
    batch_sizes: Mapping[int, int]
    compute_by_size: Mapping[int, tuple[int, float]]
    rate_ratio: float | None
    latency_ratio: float | None


def summarize(
    choice: ArmChoice,
    cell: Cell,
    rounds: Sequence[Round],
    reference: Sequence[Round] | None,
    account: Account,
) -> LoadFigures:
    """Return the figures of ``rounds``; ratios pair each with the round of ``reference`` at the same time."""
    total = add_outcomes(rounds)
    answered = len(total.latencies)
    pairs = list(zip(rounds, reference or (), strict=reference is not None))
    rate = statistics.median(one.requests_per_second for one in rounds)
    return LoadFigures(
        choice.backend,
        choice.batching,
        choice.delay,
        choice.instances,
        cell.batch,
        cell.load.callers,
        cell.load.rate,
        tuple(round_facts(one) for one in rounds),
        total.sent,
        dict(total.errors),
        dict(total.said),
        rate,
        None if cell.rows is None else rate * cell.rows,
        percentiles(total.latencies),
        percentiles(total.lateness)["p99"] if total.lateness else None,
        sum(one.cpu_seconds for one in rounds) / answered if answered else None,
        max(one.resident_bytes for one in rounds),
        account.parts,
        account.batch_size,
        account.batch_sizes,
        account.compute_by_size,
        median_or_none(pair_ratios((one.requests_per_second, other.requests_per_second) for one, other in pairs)),
        median_or_none(pair_ratios((one.latency("p50"), other.latency("p50")) for one, other in pairs)),
    )
