"""The ratio of two arms, and the interval that noise leaves open."""

from __future__ import annotations

import random

import pytest

from turnout.commands.bench.ratio import ratio_of


def test_of_nothing_there_is_no_ratio() -> None:
    assert ratio_of([]) is None


@pytest.mark.parametrize(
    ("count", "left_out"), [(1, 0), (3, 0), (5, 0), (8, 0), (9, 1), (10, 1), (11, 1), (12, 2), (17, 4), (20, 5)]
)
def test_the_interval_is_that_of_a_sign_test(count: int, left_out: int) -> None:
    values = [float(value) for value in range(1, count + 1)]
    random.Random(0).shuffle(values)

    ratio = ratio_of(values)

    assert ratio is not None
    assert (ratio.low, ratio.high, ratio.rounds) == (1.0 + left_out, count - left_out, count)


def test_a_round_that_was_disturbed_changes_nothing() -> None:
    calm, disturbed = ratio_of([2.0] * 10), ratio_of([2.0] * 9 + [0.01])

    assert calm == disturbed


def test_too_few_rounds_say_nothing() -> None:
    few, enough = ratio_of([2.0] * 4), ratio_of([2.0] * 5)

    assert few is not None
    assert enough is not None
    assert (few.is_known, enough.is_known) == (False, True)


def test_the_interval_has_the_median_as_often_as_it_says() -> None:
    draws, hits = random.Random(1), 0
    for _ in range(2_000):
        found = ratio_of([draws.lognormvariate(0.0, 0.5) for _ in range(10)])
        assert found is not None
        hits += found.low <= 1.0 <= found.high

    assert hits / 2_000 > 0.95
