"""Figures of a load."""

from __future__ import annotations

from collections import Counter

import pytest

from turnout.commands.bench.figures import Round, summarize
from turnout.commands.bench.load import LoadOutcome


def rounds(*latencies: list[float], seconds: float = 1.0) -> list[Round]:
    return [Round(seconds, LoadOutcome(of_one)) for of_one in latencies]


def test_rates_are_medians_of_rounds_and_latencies_are_of_all() -> None:
    one = summarize("a", 2, rounds([0.1] * 100, [0.1] * 300, [0.3] * 200), None)

    assert (one.backend, one.callers, one.rounds, one.requests) == ("a", 2, 3, 600)
    assert one.requests_per_second == 200
    assert one.latency_seconds["p50"] == pytest.approx(0.1)
    assert one.latency_seconds["p95"] == pytest.approx(0.3)
    assert one.latency_seconds["max"] == 0.3
    assert one.latency_seconds["mean"] == pytest.approx((400 * 0.1 + 200 * 0.3) / 600)
    assert (one.rate_ratio, one.latency_ratio) == (None, None)


def test_ratios_pair_the_rounds_so_that_a_slower_machine_changes_no_ratio() -> None:
    reference = rounds([0.1] * 10, [0.2] * 5, [0.4] * 2)
    other = rounds([0.05] * 20, [0.1] * 10, [0.2] * 4)

    one = summarize("b", 1, other, reference)

    assert one.rate_ratio == 2
    assert one.latency_ratio == 0.5


@pytest.mark.parametrize(
    ("count", "known"), [(0, set()), (1, {"p50"}), (19, {"p50"}), (20, {"p50", "p95"}), (100, {"p50", "p95", "p99"})]
)
def test_percentiles_of_too_few_answers_are_none(count: int, known: set[str]) -> None:
    latency = summarize("a", 1, rounds([0.1] * count), None).latency_seconds

    assert {name for name in ("p50", "p95", "p99") if latency[name] is not None} == known
    assert (latency["max"] is None) == (count == 0)


def test_failed_and_successful_requests_are_counted() -> None:
    failing = Round(2.0, LoadOutcome([0.1], Counter(OverloadedError=3), {"OverloadedError": "full"}))

    one = summarize("a", 1, [failing], rounds([]))

    assert (one.requests, one.failed, one.said) == (4, {"OverloadedError": 3}, {"OverloadedError": "full"})
    assert one.requests_per_second == 0.5
    assert (one.rate_ratio, one.latency_ratio) == (None, None)
