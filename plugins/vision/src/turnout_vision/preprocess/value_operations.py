"""Operations on values, FP32 [3, height, width], of image processors that do more after they have scaled the bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.sizes import Size
from turnout_vision.preprocess.values import Normalization

Values = NDArray[np.float32]


class ValueOperation(Protocol):
    """Changes values."""

    def apply(self, values: Values) -> Values:
        """Return the new values; ``values`` stay unchanged."""

    def move(self, frame: Frame) -> Frame:
        """Return the frame of the picture after the operation."""


@dataclass(frozen=True, slots=True)
class Normalize:
    """Subtracts a mean and divides by a standard deviation, each per channel."""

    normalization: Normalization

    def apply(self, values: Values) -> Values:
        numbers = (self.normalization.mean, self.normalization.std)
        mean, std = (np.asarray(each, np.float32)[:, np.newaxis, np.newaxis] for each in numbers)
        return (values - mean) / std

    def move(self, frame: Frame) -> Frame:
        return frame


@dataclass(frozen=True, slots=True)
class Grayscale:
    """Removes the color; the three channels become equal."""

    def apply(self, values: Values) -> Values:
        if (values[0] == values[1]).all() and (values[1] == values[2]).all():
            return values
        red, green, blue = values
        return np.stack([red * 0.2989 + green * 0.5870 + blue * 0.1140] * 3).astype(np.float32, copy=False)

    def move(self, frame: Frame) -> Frame:
        return frame


@dataclass(frozen=True, slots=True)
class PadSquare:
    """Adds zeros on the right or at the bottom, up to a square."""

    def apply(self, values: Values) -> Values:
        height, width = values.shape[1:]
        side = max(height, width)
        return np.pad(values, ((0, 0), (0, side - height), (0, side - width)))

    def move(self, frame: Frame) -> Frame:
        side = max(frame.height, frame.width)
        return frame.moved(0, 0, side, side)


@dataclass(frozen=True, slots=True)
class ReflectedFrame:
    """Mirrors the edges outwards, by three times the root of half a side."""

    def apply(self, values: Values) -> Values:
        rows, columns = _margins(*values.shape[1:])
        return np.pad(values, ((0, 0), (rows, rows), (columns, columns)), mode="reflect")

    def move(self, frame: Frame) -> Frame:
        rows, columns = _margins(frame.height, frame.width)
        return frame.moved(rows, columns, frame.height + 2 * rows, frame.width + 2 * columns)


def _margins(height: int, width: int) -> Size:
    return int(sqrt(height / 2) * 3), int(sqrt(width / 2) * 3)
