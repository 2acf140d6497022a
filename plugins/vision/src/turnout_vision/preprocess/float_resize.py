"""Resizing numbers instead of bytes, as torch and scipy do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.geometry import check_size
from turnout_vision.preprocess.sizes import TargetSize
from turnout_vision.preprocess.value_operations import Values

# scipy's: a Gaussian is cut off at four standard deviations.
_TRUNCATE = 4.0


@dataclass(frozen=True, slots=True)
class AlignedResize:
    """Interpolates linearly between the nearest numbers, with the corners in place, as torch's ``align_corners`` does."""

    target: TargetSize

    def apply(self, values: Values) -> Values:
        """Return the resized values.

        Raises:
            InvalidInputError: the result would have no pixels, or too many.
        """
        old = (values.shape[1], values.shape[2])
        new = self.target.compute(*old)
        check_size(new, old)
        rows = _interpolate(values, _aligned(old[1], new[1]), axis=2)
        return _interpolate(rows, _aligned(old[0], new[0]), axis=1)

    def move(self, frame: Frame) -> Frame:
        return frame.resized(*self.target.compute(frame.height, frame.width))


@dataclass(frozen=True, slots=True)
class SmoothResize:
    """Smooths with a Gaussian as wide as the reduction, then interpolates linearly: skimage's and scipy's ``resize``."""

    height: int
    width: int

    def apply(self, values: Values) -> Values:
        return np.stack([self._resize(channel) for channel in values])

    def move(self, frame: Frame) -> Frame:
        return frame.resized(self.height, self.width)

    def _resize(self, channel: Values) -> Values:
        height, width = channel.shape
        smooth = _smooth(_smooth(channel, height / self.height, axis=0), width / self.width, axis=1).astype(np.float64)
        columns = _interpolate(smooth, _centered(width, self.width), axis=1)
        resized = _interpolate(columns, _centered(height, self.height), axis=0)
        return np.clip(resized.astype(np.float32), channel.min(), channel.max())


_Number = TypeVar("_Number", np.float32, np.float64)
_Places = tuple[NDArray[np.intp], NDArray[np.floating]]


def _aligned(old: int, new: int) -> _Places:
    """Return where each of ``new`` numbers is between ``old`` ones, in torch's precision."""
    scale = np.float32(old - 1) / np.float32(new - 1) if new > 1 else np.float32(0)
    places = scale * np.arange(new, dtype=np.float32)
    first = np.minimum(places.astype(np.intp), old - 1)
    return first, np.clip(places - first.astype(np.float32), np.float32(0), np.float32(1))


def _centered(old: int, new: int) -> _Places:
    """Return where the center of each of ``new`` numbers is between the centers of ``old`` ones, mirrored at the ends."""
    places = (np.arange(new) + 0.5) * (old / new) - 0.5
    last = max(old - 1, 0)
    places = np.clip(np.where(places > last, 2 * last - places, np.abs(places)), 0, last)
    first = places.astype(np.intp)
    return first, places - first


def _interpolate(values: NDArray[_Number], places: _Places, axis: int) -> NDArray[_Number]:
    first, share = places
    second = np.minimum(first + 1, values.shape[axis] - 1)
    shape = [1] * values.ndim
    shape[axis] = -1
    weight = share.astype(values.dtype).reshape(shape)
    result: NDArray[_Number] = values.take(first, axis) * (1 - weight) + values.take(second, axis) * weight
    return result


def _smooth(channel: Values, factor: float, axis: int) -> Values:
    """Return ``channel``, FP32 [height, width], smoothed along ``axis`` for a reduction by ``factor``."""
    sigma = max(0.0, (factor - 1) / 2)
    if sigma <= 1e-15:
        return channel
    radius = int(_TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    weights /= weights.sum()
    margins = [(0, 0), (0, 0)]
    margins[axis] = (radius, radius)
    padded = np.pad(channel, margins, mode="reflect")
    total = np.zeros(channel.shape)
    for start, weight in enumerate(weights):
        total += weight * padded.take(range(start, start + channel.shape[axis]), axis)
    return total.astype(np.float32)
