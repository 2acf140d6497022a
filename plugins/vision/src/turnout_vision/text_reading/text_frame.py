"""The frame of a picture in which text is searched: resized into limits, with bars where it is flat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError

# Detectors halve their input five times.
MULTIPLE = 32
# A picture so flat gets bars above and below it, as rapidocr 1.4.4 does: a detector finds no text in a strip.
_LOWEST_HEIGHT = 30
_WIDEST_RATIO = 8
# OpenCV cuts lines out of no longer picture.
_LONGEST_SIDE = 32_766
# The largest that `largest_side` allows, and some more for bars.
_MOST_PIXELS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class TextFrame:
    """The pixels that a detector and the crops of lines are made of, and the way back to the picture.

    Attributes:
        pixels: UINT8 [height, width, 3].
        bar: the height of the black bar above the picture.
        scale: x and y of the picture for one pixel of the frame.
        size: height and width of the picture.
    """

    pixels: NDArray[np.uint8]
    bar: int
    scale: tuple[float, float]
    size: tuple[int, int]

    def to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``points`` of the frame, FP32 [n, 2], in pixels of the picture, clipped to it."""
        height, width = self.size
        moved = points.astype(np.float32)
        moved[:, 1] -= self.bar
        moved *= np.array(self.scale, np.float32)
        return np.clip(moved, 0, np.array([width, height], np.float32))


def frame_of(picture: NDArray[np.uint8], *, largest_side: int, smallest_side: int) -> TextFrame:
    """Return the frame of ``picture``, UINT8 [height, width, 3]: no side longer or shorter than these, but for rounding.

    Raises:
        InvalidInputError: the picture is so narrow that its frame would be too long.
    """
    import cv2

    size = (picture.shape[0], picture.shape[1])
    pixels, resized = picture, size
    if max(resized) > largest_side:
        resized = _scaled(resized, largest_side / max(resized))
    if min(resized) < smallest_side:
        resized = _scaled(resized, smallest_side / min(resized))
    bar = _bar_height(*resized)
    height, width = resized[0] + 2 * bar, resized[1]
    # Before any work on the pixels.
    if max(height, width) > _LONGEST_SIDE or height * width > _MOST_PIXELS:
        raise InvalidInputError(
            f"a picture of {size[1]} x {size[0]} (width x height) is too narrow for text: it would be searched as {width} x "
            f"{height}, more than {_LONGEST_SIDE:,} pixels on a side or {_MOST_PIXELS:,} in all; give a part of the picture"
        )
    if resized != size:
        pixels = np.asarray(cv2.resize(picture, (resized[1], resized[0])), np.uint8)
    if bar:
        pixels = np.pad(pixels, ((bar, bar), (0, 0), (0, 0)))
    return TextFrame(pixels, bar, (size[1] / resized[1], size[0] / resized[0]), size)


def whole_multiple(length: int) -> int:
    """Return the multiple of 32 nearest to ``length``, at least 32."""
    return max(MULTIPLE, round(length / MULTIPLE) * MULTIPLE)


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    height, width = (whole_multiple(int(side * factor)) for side in size)
    return height, width


def _bar_height(height: int, width: int) -> int:
    if height > _LOWEST_HEIGHT and width / height <= _WIDEST_RATIO:
        return 0
    return abs(max(width // _WIDEST_RATIO, _LOWEST_HEIGHT) * 2 - height) // 2
