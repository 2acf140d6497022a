"""The difference of two answers, as a share of the greatest value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

LIMIT = 1e-3
"""The largest difference that counts as equal; an export allows the same."""


def difference_of(expected: NDArray[Any], actual: NDArray[Any]) -> float:
    """Return the greatest difference of ``actual``, divided by the greatest of ``expected``; infinite if not comparable.

    Values that are not floats must be equal, and NaN and infinities must be in the same places.
    """
    if expected.shape != actual.shape:
        return math.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(expected, actual) else math.inf
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], actual[~finite], equal_nan=True) or not np.isfinite(actual[finite]).all():
        return math.inf
    scale = float(np.abs(expected[finite]).max(initial=0.0))
    greatest = float(np.abs(actual[finite].astype("f8") - expected[finite]).max(initial=0.0))
    return greatest / scale if scale else (math.inf if greatest else 0.0)


def greatest_difference(expected: Arrays, actual: Arrays) -> float:
    """Return the greatest difference of the outputs in ``expected``; infinite if ``actual`` lacks one."""
    return max(difference_of(array, actual[name]) if name in actual else math.inf for name, array in expected.items())


def is_equal(name: str, expected: NDArray[Any], actual: NDArray[Any]) -> bool:
    """Return whether two answers to the same row count as equal."""
    return difference_of(expected, actual) <= LIMIT
