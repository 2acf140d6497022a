"""Texts of messages."""

from __future__ import annotations

import pytest

from turnout.error_text import count_of


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "model", "1 model"), (0, "model", "0 models"), (2, "different request", "2 different requests")],
)
def test_a_number_of_things_is_singular_or_plural(number: int, noun: str, text: str) -> None:
    assert count_of(number, noun) == text


def test_a_plural_of_its_own_is_used() -> None:
    assert [count_of(number, "mismatch", "mismatches") for number in (1, 3)] == ["1 mismatch", "3 mismatches"]
