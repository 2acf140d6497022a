"""Verdicts about batching."""

from __future__ import annotations

import pytest
from tests.core.commands.bench.kit import STEADY, figures

from turnout.commands.bench.verdict import Gain, judge_batching

NOISY = (0.4, 1.6, 0.7, 1.3, 2.0, 0.5, 1.0, 1.5, 0.6, 1.2)


@pytest.mark.parametrize(
    ("merged", "gain", "text"),
    [
        (310.0, Gain.HELPS, "batching helps: 3.1 x at 8 callers"),
        (104.0, Gain.NONE, "batching does not help this model (1.04 x at 8 callers)"),
        (98.0, Gain.NONE, "batching does not help this model (0.98 x at 8 callers)"),
        (60.0, Gain.HURTS, "batching slows this model down: 0.6 x at 8 callers"),
    ],
)
def test_a_steady_machine_shows_the_gain(merged: float, gain: Gain, text: str) -> None:
    [verdict] = judge_batching([figures(batching=True, per_second=merged), figures(batching=False)], "model")

    assert (verdict.gain, verdict.text) == (gain, text)


def test_noise_is_no_gain_whichever_way_the_median_falls() -> None:
    one, other = figures(batching=True, per_second=130.0, noise=NOISY), figures(batching=False)

    [verdict] = judge_batching([one, other], "model")

    assert verdict.gain is Gain.UNCLEAR
    assert verdict.text.startswith("no clear difference with batching: ")
    assert " at 8 callers, between 0.6" in verdict.text
    assert verdict.text.endswith(" in 10 rounds; measure longer")


def test_a_machine_that_slows_both_alike_hides_no_gain() -> None:
    """Rounds alternate, so that the ratios of pairs are steady where the rates are not."""
    one, other = figures(batching=True, per_second=200.0, noise=NOISY), figures(batching=False, noise=NOISY)

    [verdict] = judge_batching([one, other], "model")

    assert verdict.text == "batching helps: 2 x at 8 callers"


def test_a_gain_of_four_rounds_is_not_known() -> None:
    short = STEADY[:4]

    [verdict] = judge_batching(
        [figures(batching=True, per_second=300.0, noise=short), figures(batching=False, noise=short)], "model"
    )

    assert verdict.gain is Gain.UNCLEAR
    assert "in 4 rounds; measure longer" in verdict.text


def test_the_greatest_load_decides() -> None:
    results = [
        figures(batching=True, callers=2),
        figures(batching=False, callers=2),
        figures(batching=True, callers=32, per_second=500.0),
        figures(batching=False, callers=32),
        figures(batching=True, callers=1),
    ]

    [verdict] = judge_batching(results, "model")

    assert verdict.text == "batching helps: 5 x at 32 callers"


def test_at_a_rate_the_latency_decides() -> None:
    """As many requests are answered as arrive, with batches or without."""
    one = figures(batching=True, callers=None, rate=100.0, latency=0.01)
    other = figures(batching=False, callers=None, rate=100.0, latency=0.05)

    [verdict] = judge_batching([one, other], "pipeline")

    assert verdict.text == "batching helps: 5 x the speed at 100 requests/s"


def test_failed_requests_have_no_verdict() -> None:
    failing = figures(batching=True, per_second=900.0, failed={"InferenceError": 2}, said={"InferenceError": "x"})

    [verdict] = judge_batching([failing, figures(batching=False)], "model")

    assert (verdict.gain, verdict.text) == (Gain.FAILED, "no verdict about batching: requests failed at 8 callers")


def test_each_backend_and_number_of_instances_has_its_verdict() -> None:
    results = [
        one
        for backend, instances in (("a", None), ("a", 2), ("b", None))
        for one in (
            figures(backend, True, per_second=200.0, instances=instances),
            figures(backend, False, instances=instances),
        )
    ]

    verdicts = [*judge_batching(results, "model")]

    assert [one.where for one in verdicts] == ["a", "a with instances: 2", "b"]


def test_without_a_pair_there_is_none() -> None:
    assert not [*judge_batching([figures(), figures(callers=1)], "model")]
    assert not [*judge_batching([figures(batching=True), figures(batching=False, callers=4)], "model")]


def test_a_server_shows_the_gain_in_the_time_of_its_batches() -> None:
    """8 rows in 4 ms are four times as fast as one row in 2 ms."""
    alone = figures("triton", callers=1, compute_by_size={1: (100, 0.2)})
    many = figures("triton", callers=8, batch_size=7.5, compute_by_size={1: (5, 0.01), 2: (3, 0.1), 8: (50, 0.2)})

    [verdict] = judge_batching([alone, many], "model")

    assert verdict.gain is Gain.HELPS
    assert verdict.text == (
        "batching helps: its server ran 7.5 rows at once at 8 callers, and 8 rows are inferred at 4 x the speed of 1 row"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.8, "batching does not help this model: "), (1.6, "batching slows this model down: ")],
)
def test_a_server_whose_batches_take_as_long_as_their_rows_gains_nothing(seconds: float, words: str) -> None:
    one = figures("triton", compute_by_size={1: (100, 0.2), 8: (50, seconds)})

    [verdict] = judge_batching([one], "model")

    assert verdict.text.startswith(words)


def test_a_server_that_merged_nothing_shows_nothing() -> None:
    [verdict] = judge_batching([figures("triton", compute_by_size={1: (100, 0.2), 2: (3, 0.1)})], "model")

    assert verdict.gain is Gain.UNCLEAR
    assert verdict.text == "the server merged no requests at 8 callers, so nothing shows whether batching helps"
