"""Agreement of two tensors as a whole: the IoU of masks, and equal positions of the largest value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def least_iou(expected: Array, actual: Array, threshold: float) -> float:
    """Return the least intersection over union of all rows; with fewer than three axes, the whole tensor is one row.

    The mask is true where a value is above ``threshold``; two empty masks are equal.
    """
    want, got = _mask(expected, threshold), _mask(actual, threshold)
    rows = (want.shape[0], -1) if want.ndim >= 3 and want.size else (1, -1)
    want, got = want.reshape(rows), got.reshape(rows)
    both, either = np.count_nonzero(want & got, axis=1), np.count_nonzero(want | got, axis=1)
    return float(np.where(either == 0, 1.0, both / np.maximum(either, 1)).min())


def argmax_agreement(expected: Array, actual: Array) -> float:
    """Return the share of equal positions of the largest value along the last axis; 1 without positions."""
    if expected.ndim == 0 or expected.size == 0:
        return 1.0
    return float(np.mean(expected.argmax(axis=-1) == actual.argmax(axis=-1)))


def _mask(array: Array, threshold: float) -> Array:
    return array if array.dtype == bool else np.asarray(array > threshold)
