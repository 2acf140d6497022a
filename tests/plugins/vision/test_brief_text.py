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


def test_a_small_value_is_whole() -> None:
    assert brief([1, 2.5, "a", None]) == "[1, 2.5, 'a', None]"
