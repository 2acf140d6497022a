"""Errors of a tensor, element by element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(slots=True)
class ElementErrors:
    """Figures that grow chunk by chunk; ``worst`` is a position in the flat tensor."""

    mismatched: int = 0
    non_finite: int = 0
    max_abs: float = 0.0
    max_rel: float = 0.0
    sum_abs: float = 0.0
    excess: float = 0.0
    worst: int | None = None
    cosine: float | None = None

    def add(self, difference: Array, start: int) -> float:
        """Record the absolute differences of a chunk that starts at ``start``; return the greatest."""
        greatest = float(difference.max())
        if greatest > self.max_abs:
            self.max_abs, self.worst = greatest, start + int(difference.argmax())
        return greatest


def measure_elements(expected: Array, actual: Array) -> ElementErrors:
    """Measure BYTES or BOOL: two elements are equal or not."""
    different = np.asarray(expected.reshape(-1) != actual.reshape(-1), bool)
    count = int(np.count_nonzero(different))
    errors = ElementErrors(mismatched=count, sum_abs=float(count))
    if count:
        errors.max_abs = errors.max_rel = 1.0
        errors.excess = float("inf")
        errors.worst = int(different.argmax())
    return errors


def measure_integers(expected: Array, actual: Array, rtol: float, atol: float) -> ElementErrors:
    """Measure integers without overflow."""
    # The difference of two INT64 may exceed INT64, but always fits into UINT64.
    unsigned = np.dtype(f"u{expected.dtype.itemsize}")
    high, low = np.maximum(expected, actual).reshape(-1), np.minimum(expected, actual).reshape(-1)
    difference = high.view(unsigned) - low.view(unsigned)
    found = ElementErrors()
    if not difference.size or not found.add(difference, 0):
        return found
    errors, sizes = difference.astype(np.float64), np.abs(expected.reshape(-1).astype(np.float64))
    allowed = atol + rtol * sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(difference == 0, 0.0, errors / allowed)
    found.mismatched = int(np.count_nonzero(errors > allowed))
    found.max_rel = float((errors / np.maximum(sizes, max(atol, 1.0))).max())
    found.sum_abs, found.excess = float(errors.sum()), float(ratios.max())
    return found
