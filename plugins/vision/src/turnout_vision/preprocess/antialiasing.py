"""Resizing numbers with a triangle as wide as the reduction, as torch's ``interpolate`` with ``antialias`` does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


class Triangles(NamedTuple):
    """The numbers that each new number is made of, along one axis.

    Attributes:
        first: the index of the first old number of each new one.
        weights: FP32 [new, K], the shares of the old numbers from there on; 0 beyond the last one.
    """

    first: NDArray[np.intp]
    weights: Plane

    def apply(self, values: Plane, axis: int) -> Plane:
        """Return ``values`` resized along ``axis``."""
        shape = [1] * values.ndim
        shape[axis] = -1
        last = values.shape[axis] - 1
        total = values.take(self.first, axis) * self.weights[:, 0].reshape(shape)
        # One after the other and in FP32, as torch adds them.
        for number in range(1, self.weights.shape[1]):
            part = values.take(np.minimum(self.first + number, last), axis)
            part *= self.weights[:, number].reshape(shape)
            total += part
        return total


def triangles(old: int, new: int) -> Triangles:
    """Return what each of ``new`` numbers is made of, in torch's precision: some of its places are FP32."""
    scale = np.float32(old) / np.float32(new)
    support = max(scale, np.float32(1))
    centers = (scale * (np.arange(new) + 0.5)).astype(np.float32)
    first = np.maximum((centers - support + 0.5).astype(np.intp), 0)
    count = np.minimum((centers + support + 0.5).astype(np.intp), old) - first
    number = np.arange(count.max())
    distances = (first[:, np.newaxis] + number).astype(np.float32) - centers[:, np.newaxis]
    inverse = np.float32(1) / support
    weights = (1 - np.abs((distances.astype(np.float64) + 0.5) * inverse)).astype(np.float32)
    weights[(weights < 0) | (number >= count[:, np.newaxis])] = 0
    total = np.zeros(new, np.float32)
    for column in weights.T:
        total += column
    return Triangles(first, weights / total[:, np.newaxis])
