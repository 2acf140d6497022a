"""Texts of messages."""

from __future__ import annotations

import pytest

from turnout.error_text import count_of, listing, nearest_name


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "model", "1 model"), (0, "model", "0 models"), (2, "different request", "2 different requests")],
)
def test_a_number_of_things_is_singular_or_plural(number: int, noun: str, text: str) -> None:
    assert count_of(number, noun) == text


def test_a_plural_of_its_own_is_used() -> None:
    assert [count_of(number, "mismatch", "mismatches") for number in (1, 3)] == ["1 mismatch", "3 mismatches"]


def test_a_listing_has_twenty_names_and_counts_the_others() -> None:
    assert listing([]) == "none"
    assert listing(["a", "b"]) == "a, b"
    assert listing(map(str, range(332))).endswith(", 18, 19 and 312 more")
    assert len(listing(["x" * 5000] * 30)) < 700


def test_the_nearest_of_very_many_names_is_found_among_those_with_its_first_letter() -> None:
    names = [f"{letter}{number:05}" for letter in "abcdefgh" for number in range(1000)]

    assert nearest_name("h0000l", names) in names
    assert nearest_name("x" * 100_000, names) == ""
