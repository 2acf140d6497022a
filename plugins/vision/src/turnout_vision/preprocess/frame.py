"""Frames: where a picture is within the values that were prepared from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """The picture within the prepared values: a point (x, y) of it is at (x * scale_x + left, y * scale_y + top).

    Attributes:
        height: of the prepared values.
        width: of the prepared values.
        scale_y: prepared rows per row of the picture.
        scale_x: prepared columns per column of the picture.
        top: the prepared row of the picture's first row; negative after a crop.
        left: the prepared column of the picture's first column; negative after a crop.
    """

    height: int
    width: int
    scale_y: float = 1.0
    scale_x: float = 1.0
    top: float = 0.0
    left: float = 0.0

    def resized(self, height: int, width: int) -> Frame:
        """Return the frame after resizing to ``height`` and ``width``."""
        rows, columns = height / self.height, width / self.width
        return Frame(height, width, self.scale_y * rows, self.scale_x * columns, self.top * rows, self.left * columns)

    def moved(self, down: int, right: int, height: int, width: int) -> Frame:
        """Return the frame in a window of ``height`` and ``width`` in which the picture is lower and further right."""
        return replace(self, height=height, width=width, top=self.top + down, left=self.left + right)

    def to_picture(self, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return boxes [n, 4] (left, top, right, bottom) in pixels of the picture, for ``boxes`` in prepared pixels."""
        offset = np.array([self.left, self.top, self.left, self.top])
        scale = np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])
        values: NDArray[np.float64] = (boxes - offset) / scale
        return values
