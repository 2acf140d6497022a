"""The account of a load on one arm: the parts of its latency, and the batches that ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from turnout.commands.bench.counts import ArmCounts
from turnout.commands.bench.load.outcome import LoadOutcome, Target
from turnout.commands.bench.where_time_goes import RequestSums, divide_latency


@dataclass(frozen=True, slots=True)
class Account:
    """Where the time of a load went.

    Attributes:
        parts: the mean seconds of an answer by part; they add up to the mean latency.
        batch_size: the mean rows of an execution; None if it is not known.
        batch_sizes: how many executions had so many rows.
        compute_by_size: for each size of a batch on a server, how many ran and the seconds of their inference.
    """

    parts: Mapping[str, float] = field(default_factory=dict)
    batch_size: float | None = None
    batch_sizes: Mapping[int, int] = field(default_factory=dict)
    compute_by_size: Mapping[int, tuple[int, float]] = field(default_factory=dict)


class BenchedArm(Protocol):
    """An open arm of a model or a pipeline that can be measured."""

    def target(self, batch: int | None) -> Target:
        """Return the target of requests with ``batch`` rows; None for the requests as they are."""

    def rows(self, batch: int | None) -> float | None:
        """Return the mean rows of such a request; None without a batch axis."""

    def read(self) -> Any:
        """Return what was counted until now, for ``account``."""

    def account(self, outcome: LoadOutcome, before: Any, after: Any) -> Account:
        """Return the account of a load with ``outcome`` between two readings."""


def account_of(outcome: LoadOutcome, own: Mapping[str, float], models: Sequence[RequestSums]) -> Account:
    """Return the account of ``outcome``; ``own`` are the seconds of all answers together in parts outside of requests."""
    answered = len(outcome.latencies)
    if not answered:
        return Account()
    parts = divide_latency(
        sum(outcome.latencies) / answered, {part: seconds / answered for part, seconds in own.items()}, models
    )
    if len(models) > 1:
        return Account(parts)  # the batches of several models are of different things
    counts = [model.counts for model in models]
    return Account(parts, _first(one.rows_per_execution() for one in counts), *_batches(counts))


def _batches(counts: Sequence[ArmCounts]) -> tuple[Mapping[int, int], Mapping[int, tuple[int, float]]]:
    for one in counts:
        return one.executed_batches(), one.server.batches if one.server is not None else {}
    return {}, {}


def _first(values: Iterable[float | None]) -> float | None:
    return next(iter(values), None)
