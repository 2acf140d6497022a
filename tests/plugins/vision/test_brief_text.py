from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from turnout_vision.brief_text import brief


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        [1] * 5_000_000,
        "x" * 50_000_000,
        {str(n): n for n in range(500_000)},
        nested(10_000),
        np.zeros(5_000_000),
        10**4000,
        [10**100_000],
        bytes(50_000_000),
        bytearray(50_000_000),
    ],
    ids=["list", "text", "mapping", "nested", "array", "number", "long number", "bytes", "bytearray"],
)
def test_the_beginning_of_a_large_value_costs_nothing(value) -> None:
    start = time.process_time()

    text = brief(value)

    assert len(text) <= 60
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("text", ["a cat " * 20, "it's a cat " * 20, "x" * 59, "x" * 61, "\ud800" * 90])
def test_a_text_that_is_cut_says_so_inside_of_its_quotes(text: str) -> None:
    shown = brief(text)

    assert shown[0] == shown[-1] == repr(text)[0]
    assert shown[-2] == "…"
    assert len(shown) == 60


def test_a_list_that_is_cut_says_so() -> None:
    assert brief([1000] * 6, 20) == "[1000, 1000, 1000, …"


def test_a_small_value_is_whole() -> None:
    assert brief([1, 2.5, "a", None]) == "[1, 2.5, 'a', None]"
