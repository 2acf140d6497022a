"""Figures of a load."""

from __future__ import annotations

from collections import Counter

import pytest

from turnout.commands.bench.account import Account
from turnout.commands.bench.arms import ArmChoice
from turnout.commands.bench.figures import Cell, LoadFigures, summarize
from turnout.commands.bench.load.outcome import LoadOutcome
from turnout.commands.bench.plan import Load
from turnout.commands.bench.rounds import Round


def rounds(*latencies: list[float], seconds: float = 1.0) -> list[Round]:
    return [Round(seconds, LoadOutcome(of_one), 0.5, number) for number, of_one in enumerate(latencies)]


def figures(of: list[Round], reference: list[Round] | None = None, load: Load | None = None) -> LoadFigures:
    return summarize(ArmChoice("a"), Cell(load or Load(callers=2)), of, reference, Account())


def test_rates_are_medians_of_rounds_and_latencies_are_of_all() -> None:
    one = figures(rounds([0.1] * 100, [0.1] * 300, [0.3] * 200))

    assert (one.backend, one.callers, one.rate, len(one.rounds), one.requests) == ("a", 2, None, 3, 600)
    assert one.requests_per_second == 200
    assert one.latency_seconds["p50"] == pytest.approx(0.1)
    assert one.latency_seconds["p95"] == pytest.approx(0.3)
    assert one.latency_seconds["max"] == 0.3
    assert one.latency_seconds["mean"] == pytest.approx((400 * 0.1 + 200 * 0.3) / 600)
    assert (one.rate_ratio, one.latency_ratio) == (None, None)


def test_ratios_pair_the_rounds_so_that_a_slower_machine_changes_no_ratio() -> None:
    reference = rounds([0.1] * 10, [0.2] * 5, [0.4] * 2)
    other = rounds([0.05] * 20, [0.1] * 10, [0.2] * 4)

    one = figures(other, reference)

    assert one.rate_ratio == 2
    assert one.latency_ratio == 0.5


def test_the_cost_is_per_answer_and_the_memory_is_the_largest() -> None:
    one = figures(rounds([0.1] * 10, [0.1] * 15))

    assert one.cpu_seconds == 1.0 / 25
    assert one.resident_bytes == 1


def test_failed_and_answered_requests_are_counted() -> None:
    failing = Round(2.0, LoadOutcome([0.1], Counter(OverloadedError=3), {"OverloadedError": "full"}))

    one = figures([failing], rounds([]))

    assert (one.requests, one.failed, one.said) == (4, {"OverloadedError": 3}, {"OverloadedError": "full"})
    assert one.requests_per_second == 0.5
    assert (one.rate_ratio, one.latency_ratio) == (None, None)


def test_without_any_answer_there_is_no_cost_per_answer() -> None:
    one = figures([Round(1.0, LoadOutcome(errors=Counter(X=1), said={"X": "x"}))])

    assert (one.cpu_seconds, one.requests_per_second, one.latency_seconds["max"]) == (None, 0.0, None)


def test_an_open_load_says_how_late_the_generator_was() -> None:
    late = Round(1.0, LoadOutcome([0.1] * 200, lateness=[0.001] * 190 + [0.02] * 10))

    assert figures([late], load=Load(rate=200.0)).lateness_seconds == 0.02


def test_rows_are_those_of_the_answers() -> None:
    one = summarize(ArmChoice("a"), Cell(Load(callers=1), 4, 4.0), rounds([0.1] * 10), None, Account())

    assert (one.batch, one.requests_per_second, one.rows_per_second) == (4, 10, 40)
