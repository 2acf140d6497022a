"""The keys for a failing backend."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import ValidationError

from turnout.resilience.circuit_state import CircuitPolicy
from turnout.settings.schema.file import ModelSettings
from turnout.settings.schema.resilience import CircuitBreakerSettings, RetrySettings


def test_the_defaults_are_those_of_the_policy() -> None:
    assert CircuitPolicy(**CircuitBreakerSettings().model_dump()) == CircuitPolicy()


def test_every_key_reaches_the_policy() -> None:
    written: dict[str, Any] = {
        "window_seconds": 5.0,
        "minimum_calls": 10,
        "failure_ratio": 0.25,
        "consecutive_failures": 3,
        "open_seconds": 0.5,
        "longest_open_seconds": 8.0,
    }

    policy = CircuitPolicy(**CircuitBreakerSettings(**written).model_dump())

    assert dataclasses.asdict(policy) == written


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"window_seconds": 0}, "window_seconds"),
        ({"window_seconds": float("inf")}, "window_seconds"),
        ({"failure_ratio": 0}, "failure_ratio"),
        ({"failure_ratio": 1.5}, "failure_ratio"),
        ({"minimum_calls": 0}, "minimum_calls"),
        ({"minimum_calls": True}, "valid integer"),
        ({"consecutive_failures": 2.5}, "valid integer"),
        ({"open_seconds": None}, "has no value"),
        ({"open_second": 1}, "open_second"),
        ({"open_seconds": 60}, "longest_open_seconds must be open_seconds, which is 60, or more"),
    ],
)
def test_impossible_values_are_refused(written: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CircuitBreakerSettings(**written)

    assert CircuitBreakerSettings(open_seconds=30).open_seconds == 30


@pytest.mark.parametrize("ratio", [0, -0.1, 1.1, "much", None])
def test_a_budget_is_a_share_of_the_requests(ratio: Any) -> None:
    with pytest.raises(ValidationError):
        RetrySettings(budget_ratio=ratio)

    assert RetrySettings().budget_ratio == 0.1


@pytest.mark.parametrize("number", [0, -1, 1.5, True, None])
def test_max_in_flight_is_a_number_of_requests(number: Any) -> None:
    with pytest.raises(ValidationError):
        ModelSettings(max_in_flight=number)

    assert ModelSettings(max_in_flight=64).max_in_flight == 64
