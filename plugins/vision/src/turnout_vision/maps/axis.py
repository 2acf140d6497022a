"""Resampling along one axis: which source values each value of the result is made of, as torch's ``interpolate`` does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# torch's; Pillow's filter of the same name has -0.5.
_CUBIC = np.float32(-0.75)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """The sources of each value of the result.

    Attributes:
        indexes: INT64 [n, taps], the places of the sources.
        weights: FP32 [n, taps], their weights; each row sums up to 1.
    """

    indexes: NDArray[np.int64]
    weights: Floats

    def __len__(self) -> int:
        return len(self.indexes)

    def part(self, rows: slice) -> Axis:
        """Return the axis of a part of the result."""
        return Axis(self.indexes[rows], self.weights[rows])

    def sources(self) -> slice:
        """Return the part of the source that is used."""
        return slice(int(self.indexes.min()), int(self.indexes.max()) + 1)

    def within(self, sources: slice) -> Axis:
        """Return the axis for a source of which only ``sources`` are given."""
        return Axis(self.indexes - sources.start, self.weights)

    def columns_of(self, source: Floats) -> Floats:
        """Return ``source`` [..., w] resampled along its last axis, FP32 [..., n]."""
        result = source[..., self.indexes[:, 0]] * self.weights[:, 0]
        for tap in range(1, self.indexes.shape[1]):
            result += source[..., self.indexes[:, tap]] * self.weights[:, tap]
        return result

    def rows_of(self, source: Floats) -> Floats:
        """Return ``source`` [..., h, w] resampled along its last axis but one, FP32 [..., n, w]."""
        result = source[..., self.indexes[:, 0], :] * self.weights[:, 0, np.newaxis]
        for tap in range(1, self.indexes.shape[1]):
            result += source[..., self.indexes[:, tap], :] * self.weights[:, tap, np.newaxis]
        return result


def linear_axis(positions: Floats, size: int) -> Axis:
    """Return the axis of linear interpolation at ``positions`` of a source with ``size`` values."""
    places = np.maximum(positions, 0)
    first = np.minimum(np.floor(places).astype(np.int64), size - 1)
    share = np.clip(places - first.astype(np.float32), 0, 1).astype(np.float32)
    return Axis(np.stack([first, np.minimum(first + 1, size - 1)], axis=1), np.stack([1 - share, share], axis=1))


def cubic_axis(positions: Floats, size: int) -> Axis:
    """Return the axis of cubic interpolation at ``positions`` of a source with ``size`` values."""
    first = np.minimum(np.floor(positions).astype(np.int64), size - 1)
    share = np.clip(positions - first.astype(np.float32), 0, 1).astype(np.float32)
    rest = 1 - share
    weights = np.stack([_far(share + 1), _near(share), _near(rest), _far(rest + 1)], axis=1)
    indexes = first[:, np.newaxis] + np.arange(-1, 3)
    return Axis(np.clip(indexes, 0, size - 1), weights.astype(np.float32))


def resize_axis(count: int, size: int) -> Axis:
    """Return the axis of linear interpolation from ``size`` values to ``count``."""
    return linear_axis(stretched(count, size), size)


def stretched(count: int, size: int) -> Floats:
    """Return the positions of ``count`` values that share ``size`` source values evenly, computed in FP32 as torch does."""
    scale = np.float32(size) / np.float32(count)
    positions: Floats = scale * (np.arange(count, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    return positions


def _near(distance: Floats) -> Floats:
    """Return the weight of a source closer than 1: Keys' cubic convolution, 1981."""
    return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance * distance + 1


def _far(distance: Floats) -> Floats:
    """Return the weight of a source at a distance from 1 to 2."""
    return ((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC
