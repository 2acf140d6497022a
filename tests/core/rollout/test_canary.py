"""Positions of values: permanent, evenly spread, and stable while the weight grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.rollout.canary import position_of


@pytest.mark.parametrize(
    ("model", "value", "position"),
    [
        ("m", "alice", 0.8669973945765951),
        ("m", "bob", 0.1603500636916173),
        ("n", "alice", 0.002219470685278835),
        ("m", 42, 0.16445992852852953),
        ("m", True, 0.5736296077473726),
    ],
)
def test_positions_never_change(model: str, value: str | int | bool, position: float) -> None:
    assert position_of(model, value) == pytest.approx(position, abs=1e-12)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_every_value_has_a_place_below_one(value: str | float) -> None:
    assert 0 <= position_of("m", value) < 1


def test_the_share_of_values_is_the_weight() -> None:
    below = sum(position_of("m", f"user-{index}") < 0.1 for index in range(20_000))

    assert below == pytest.approx(2000, abs=170)  # 4 standard deviations


def test_the_canaries_of_two_models_get_different_users() -> None:
    both = sum(max(position_of("m", index), position_of("n", index)) < 0.1 for index in range(10_000))

    assert both == pytest.approx(100, abs=40)


def test_a_number_and_its_text_are_one_value() -> None:
    assert position_of("m", 42) == position_of("m", "42")
