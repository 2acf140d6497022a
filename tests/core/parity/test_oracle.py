"""Parity against numpy's own ``isclose``, for any numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.parity import Tolerance, Tolerances, Verdict, compare

NUMBERS = st.one_of(
    st.floats(width=64),
    st.sampled_from([0.0, -0.0, 1.0, 1.001, 1.0011, 1e-4, 1e308, -1e308, float("nan"), float("inf"), 5e-324]),
)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20)
ERRORS = st.sampled_from([0.0, 1e-300, 1e-4, 1e-3, 1.0])


@settings(max_examples=400)
@given(PAIRS, ERRORS, ERRORS)
def test_floats_match_where_numpy_says_so(pairs: list[tuple[float, float]], rtol: float, atol: float) -> None:
    expected, actual = np.array(pairs).T.copy()

    found = compare({"y": expected}, {"y": actual}, Tolerances(Tolerance(rtol=rtol, atol=atol))).outputs["y"]

    with np.errstate(all="ignore"):
        close = np.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True)
        # numpy holds a finite number close to an expected infinity where rtol is above 0, which parity does not.
        close &= np.isfinite(actual) == np.isfinite(expected)
    assert (found.verdict is Verdict.MATCH) == bool(close.all())
    assert (found.excess <= 1) == bool(close.all())


INTEGERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]))


@settings(max_examples=400)
@given(st.lists(st.tuples(INTEGERS, INTEGERS), min_size=1, max_size=20))
def test_integers_match_where_they_are_equal(pairs: list[tuple[int, int]]) -> None:
    expected, actual = np.array(pairs, np.int64).T.copy()

    found = compare({"y": expected}, {"y": actual}).outputs["y"]

    different = sum(int(left) != int(right) for left, right in pairs)
    assert (found.mismatched, found.verdict is Verdict.MATCH) == (different, different == 0)
    assert found.max_abs_error == float(max(abs(int(left) - int(right)) for left, right in pairs))


@settings(max_examples=200)
@given(st.lists(st.tuples(st.binary(max_size=4), st.binary(max_size=4)), min_size=1, max_size=20))
def test_bytes_match_where_they_are_equal(pairs: list[tuple[bytes, bytes]]) -> None:
    sides: list[Any] = [np.empty(len(pairs), object), np.empty(len(pairs), object)]
    for side, values in zip(sides, zip(*pairs, strict=True), strict=True):
        side[:] = values

    found = compare({"y": sides[0]}, {"y": sides[1]}).outputs["y"]

    assert found.mismatched == sum(left != right for left, right in pairs)
