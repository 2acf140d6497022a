"""Errors of floating-point tensors.

A tensor of 12 MB is measured in pieces that fit into the CPU's cache, about four times as fast as whole.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.parity.element_errors import ElementErrors

Array = NDArray[Any]

CHUNK = 1 << 15


class _Products:
    """The three dot products of a cosine."""

    def __init__(self) -> None:
        self.both = self.expected = self.actual = 0.0

    def add(self, expected: Array, actual: Array) -> None:
        self.both += _dot(expected, actual)
        self.expected += _dot(expected, expected)
        self.actual += _dot(actual, actual)

    def cosine(self) -> float | None:
        if self.expected == 0.0 or self.actual == 0.0:
            return 1.0 if self.expected == self.actual else 0.0
        cosine = self.both / (math.sqrt(self.expected) * math.sqrt(self.actual))
        return min(1.0, max(-1.0, cosine)) if math.isfinite(cosine) else None


def measure_floats(expected: Array, actual: Array, rtol: float, atol: float) -> ElementErrors:
    """Measure floating-point numbers. Equal infinities, and NaN on both sides, do not differ."""
    # FP16 and BF16 in FP32: their own arithmetic would round the differences away.
    work = np.dtype(np.float64 if expected.dtype == np.float64 else np.float32)
    flat_expected, flat_actual = expected.reshape(-1), actual.reshape(-1)
    errors, products = ElementErrors(), _Products()
    with np.errstate(all="ignore"):
        for start in range(0, flat_expected.size, CHUNK):
            piece = slice(start, start + CHUNK)
            want, got = flat_expected[piece].astype(work, copy=False), flat_actual[piece].astype(work, copy=False)
            _measure(errors, want, got, rtol, atol, start)
            products.add(want, got)
    errors.cosine = products.cosine()
    return errors


def _measure(errors: ElementErrors, want: Array, got: Array, rtol: float, atol: float, start: int) -> None:
    difference = np.abs(np.subtract(got, want))
    total = float(difference.sum(dtype=np.float64))
    # One look at the sum finds any NaN or infinity of the chunk; the slow path is for those chunks only.
    finite = math.isfinite(total)
    if not finite:
        total = _replace_non_finite(errors, difference, want, got)
    errors.sum_abs += total
    greatest = errors.add(difference, start)
    if greatest == 0.0:
        return
    sizes = np.abs(want)
    if not finite:
        # An expected infinity would allow any difference.
        sizes[~np.isfinite(sizes)] = 0.0
    errors.max_rel = max(errors.max_rel, float((difference / np.maximum(sizes, atol or np.finfo(sizes.dtype).tiny)).max()))
    allowed = sizes * sizes.dtype.type(rtol) + sizes.dtype.type(atol)
    if greatest > atol:
        errors.mismatched += int(np.count_nonzero(difference > allowed))
    ratios = difference / allowed
    # With atol 0 an expected 0 gives 0 / 0, which is no excess.
    errors.excess = max(errors.excess, float(np.nanmax(ratios) if atol == 0.0 else ratios.max()))


def _replace_non_finite(errors: ElementErrors, difference: Array, want: Array, got: Array) -> float:
    """Set the difference of equal infinities and of two NaN to 0, of one alone to infinity; return the sum."""
    difference[(want == got) | (np.isnan(want) & np.isnan(got))] = 0.0
    alone = ~np.isfinite(difference) & ~(np.isfinite(want) & np.isfinite(got))
    difference[alone] = np.inf
    errors.non_finite += int(np.count_nonzero(alone))
    return float(difference.sum(dtype=np.float64))


def _dot(left: Array, right: Array) -> float:
    # FP32 overflows at 1e38, and a square gets there from 1e19.
    product = float(np.dot(left, right))
    return product if math.isfinite(product) else float(np.dot(left.astype(np.float64), right.astype(np.float64)))
