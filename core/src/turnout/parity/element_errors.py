"""Figures of two tensors of one shape and datatype."""

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

    def see(self, difference: Array, start: int) -> float:
        """Take the absolute differences of a chunk that starts at ``start``; return the greatest."""
        greatest = float(difference.max())
        if greatest > self.max_abs:
            self.max_abs, self.worst = greatest, start + int(difference.argmax())
        return greatest


def measure_elements(expected: Array, actual: Array) -> ElementErrors:
    """Measure BYTES or BOOL: an element is equal or it is not."""
    different = np.asarray(expected.reshape(-1) != actual.reshape(-1), bool)
    count = int(np.count_nonzero(different))
    measures = ElementErrors(mismatched=count, sum_abs=float(count))
    if count:
        measures.max_abs = measures.max_rel = 1.0
        measures.excess = float("inf")
        measures.worst = int(different.argmax())
    return measures


def measure_integers(expected: Array, actual: Array, rtol: float, atol: float) -> ElementErrors:
    """Measure integers, without overflow: the difference of two INT64 fits into UINT64."""
    unsigned = np.dtype(f"u{expected.dtype.itemsize}")
    high, low = np.maximum(expected, actual).reshape(-1), np.minimum(expected, actual).reshape(-1)
    difference = high.view(unsigned) - low.view(unsigned)
    measures = ElementErrors()
    if not difference.size or not measures.see(difference, 0):
        return measures
    errors, sizes = difference.astype(np.float64), np.abs(expected.reshape(-1).astype(np.float64))
    allowed = atol + rtol * sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(difference == 0, 0.0, errors / allowed)
    measures.mismatched = int(np.count_nonzero(errors > allowed))
    measures.max_rel = float((errors / np.maximum(sizes, max(atol, 1.0))).max())
    measures.sum_abs, measures.excess = float(errors.sum()), float(ratios.max())
    return measures
