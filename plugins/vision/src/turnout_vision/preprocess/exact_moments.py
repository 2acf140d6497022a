"""The mean and the standard deviation of a picture in every bit as numpy computes them in FP32, without its copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# numpy adds fewer numbers than this without dividing them, and halves more at a multiple of eight. So may any part of it.
_PART = 1 << 20


def mean_of(pixels: NDArray[np.uint8]) -> np.float32:
    """Return the mean of ``pixels``, as of FP32 numbers."""
    return _sum(pixels.reshape(-1), np.arange(256, dtype=np.float32)) / np.float32(pixels.size)


def deviation_of(pixels: NDArray[np.uint8], mean: np.float32) -> np.float32:
    """Return the standard deviation of ``pixels``, as of FP32 numbers."""
    squares = (np.arange(256, dtype=np.float32) - mean) ** 2
    return np.float32(np.sqrt(_sum(pixels.reshape(-1), squares) / np.float32(pixels.size)))


def _sum(flat: NDArray[np.uint8], table: NDArray[np.float32]) -> np.float32:
    """Return the sum of ``table[flat]``, added pair by pair in numpy's order; a picture of 50 megapixels has 600 MB in FP32."""
    if len(flat) <= _PART:
        return np.float32(table[flat].sum())
    half = len(flat) // 2
    half -= half % 8
    return _sum(flat[:half], table) + _sum(flat[half:], table)
