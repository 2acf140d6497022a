"""Rounds of a load."""

from __future__ import annotations

import random

import pytest

from turnout.commands.bench.load.outcome import LoadOutcome
from turnout.commands.bench.rounds import Round, pair_ratios, percentiles, round_facts


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (0, set()),
        (1, {"p50"}),
        (9, {"p50"}),
        (10, {"p50", "p90"}),
        (20, {"p50", "p90", "p95"}),
        (100, {"p50", "p90", "p95", "p99"}),
    ],
)
def test_percentiles_of_too_few_answers_are_none(count: int, known: set[str]) -> None:
    latency = percentiles([0.1] * count)

    assert {name for name in ("p50", "p90", "p95", "p99") if latency[name] is not None} == known
    assert (latency["max"] is None) == (latency["mean"] is None) == (count == 0)


def test_percentiles_are_exact_samples_and_no_buckets() -> None:
    latencies = [number / 1000 for number in range(1, 1001)]
    random.Random(0).shuffle(latencies)

    found = percentiles(latencies)

    assert {name: found[name] for name in ("p50", "p90", "p95", "p99", "max")} == {
        "p50": 0.5,
        "p90": 0.9,
        "p95": 0.95,
        "p99": 0.99,
        "max": 1.0,
    }


def test_a_ratio_needs_both_sides() -> None:
    assert pair_ratios([(1.0, 2.0), (None, 2.0), (1.0, None), (1.0, 0.0), (3.0, 1.0)]) == [0.5, 3.0]


def test_the_facts_of_a_round_are_what_a_comparison_needs() -> None:
    assert round_facts(Round(2.0, LoadOutcome([0.1, 0.1, 0.3]))) == {
        "seconds": 2.0,
        "answered": 3,
        "requests_per_second": 1.5,
        "p50": 0.1,
        "p95": None,
    }
