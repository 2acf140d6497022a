"""Figures for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from turnout.commands.bench.account import Account
from turnout.commands.bench.arms import ArmChoice
from turnout.commands.bench.figures import Cell, LoadFigures, summarize
from turnout.commands.bench.load.outcome import LoadOutcome
from turnout.commands.bench.plan import Load
from turnout.commands.bench.result import BenchResult
from turnout.commands.bench.rounds import Round

STEADY = (0.99, 1.0, 1.01, 1.0, 0.99, 1.01, 1.0, 1.0, 1.0, 1.0)
"""The noise of a quiet machine, by round."""


def figures(
    backend: str = "onnx",
    batching: bool | None = None,
    *,
    callers: int | None = 8,
    rate: float | None = None,
    per_second: float = 100.0,
    noise: Sequence[float] = STEADY,
    latency: float | None = None,
    **changes: Any,
) -> LoadFigures:
    """Return figures of one second a round: ``per_second`` answers in each, with latencies that fit."""
    rounds = []
    for factor in noise:
        seconds = latency if latency is not None else (callers or 1) / per_second
        rounds.append(Round(1.0, LoadOutcome([seconds / (factor or 1.0)] * round(per_second * factor)), 0.1, 10_000_000))
    made = summarize(ArmChoice(backend, batching), Cell(Load(callers, rate)), rounds, None, Account())
    return replace(made, **changes)


def result(*results: LoadFigures, **changes: Any) -> BenchResult:
    """Return the result of a model ``m`` with these figures."""
    made = BenchResult("model", "m", results[0].backend, "recorded in recordings/m", 3, results)
    return replace(made, **changes)
