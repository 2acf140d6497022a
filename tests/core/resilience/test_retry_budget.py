"""Retries never exceed their share of the requests."""

from __future__ import annotations

import itertools

import pytest
from tests.core.middleware.resilience_kit import at_once

from turnout.resilience.retry_budget import RetryBudget


@pytest.mark.parametrize("ratio", [0.1, 0.3, 1.0])
def test_retries_are_the_ratio_of_the_requests_of_all_threads(ratio: float) -> None:
    budget, spent = RetryBudget(ratio), itertools.count()

    def work() -> None:
        for _ in range(1000):
            budget.earn()
            if budget.spend():
                next(spent)

    at_once(4, work)

    assert abs(next(spent) - 4000 * ratio) <= 1


def test_starts_empty_and_a_forked_child_does_too() -> None:
    budget = RetryBudget(1.0)
    assert not budget.spend()
    budget.earn()

    budget.renew()

    assert not budget.spend()
