"""Geometry: operations that change the size of a picture, on UINT8 [height, width, 3]."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError
from turnout_vision.preprocess.sizes import Size, TargetSize

# A strip of 1 x 10,000 pixels whose shorter side becomes 224 would need 7 GB.
MAX_RESIZED = 100_000_000

Pixels = NDArray[np.uint8]


class Operation(Protocol):
    """Changes the size of a picture."""

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the new picture; ``pixels`` stay unchanged."""


@dataclass(frozen=True, slots=True)
class Resize:
    """Resizes to ``target`` with the filter ``resample``, a number of Pillow."""

    target: TargetSize
    resample: int

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the resized picture.

        Raises:
            InvalidInputError: the result would have no pixels, or too many.
        """
        height, width = self.target.compute(*pixels.shape[:2])
        if (height, width) == pixels.shape[:2]:
            return pixels
        _check_size((height, width), pixels.shape[:2])
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), Image.Resampling(self.resample))
        return np.asarray(image)


@dataclass(frozen=True, slots=True)
class CenterCrop:
    """Cuts ``height`` and ``width`` out of the middle; a smaller picture is padded with black."""

    height: int
    width: int

    def apply(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        padded = pixels
        if self.height > height or self.width > width:
            new_height, new_width = max(self.height, height), max(self.width, width)
            top, left = ceil((new_height - height) / 2), ceil((new_width - width) / 2)
            padded = np.zeros((new_height, new_width, 3), np.uint8)
            padded[top : top + height, left : left + width] = pixels
            # Of an odd difference, transformers puts the larger half in front of a side that it pads.
            top, left = (height - self.height) // 2 + top, (width - self.width) // 2 + left
        else:
            top, left = (height - self.height) // 2, (width - self.width) // 2
        return padded[top : top + self.height, left : left + self.width]


@dataclass(frozen=True, slots=True)
class ShareCrop:
    """Cuts a share of the shorter side out of the middle, as Perceiver does before it resizes."""

    height: float
    width: float

    def apply(self, pixels: Pixels) -> Pixels:
        shorter = min(pixels.shape[:2])
        return CenterCrop(int(self.height * shorter), int(self.width * shorter)).apply(pixels)


@dataclass(frozen=True, slots=True)
class SquareCanvas:
    """Puts the picture into the middle of a square of ``color``."""

    color: tuple[int, int, int]

    def apply(self, pixels: Pixels) -> Pixels:
        side = max(pixels.shape[:2])
        _check_size((side, side), pixels.shape[:2])
        return _place(pixels, (side, side), self.color, centered=True)


@dataclass(frozen=True, slots=True)
class AlignLongAxis:
    """Rotates by 270 degrees if the longer side of the picture is not that of ``height`` and ``width``."""

    height: int
    width: int

    def apply(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        turns = (self.width < self.height and width > height) or (self.width > self.height and width < height)
        return np.rot90(pixels, 3) if turns else pixels


@dataclass(frozen=True, slots=True)
class Canvas:
    """Puts the picture on a canvas of ``height``, ``width`` and ``color``: in its middle, or in its upper left corner."""

    height: int
    width: int
    color: tuple[int, int, int] = (0, 0, 0)
    centered: bool = True

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the canvas.

        Raises:
            InvalidInputError: the picture is larger than the canvas.
        """
        check_fits(pixels.shape[:2], (self.height, self.width))
        return _place(pixels, (self.height, self.width), self.color, centered=self.centered)


@dataclass(frozen=True, slots=True)
class MirroredEdge:
    """Mirrors the right and the lower edge up to the next multiple of ``divisor``, a whole one if it is a multiple."""

    divisor: int

    def apply(self, pixels: Pixels) -> Pixels:
        down, right = (self.divisor - side % self.divisor for side in pixels.shape[:2])
        return np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="symmetric")


def check_fits(size: Size, canvas: Size) -> None:
    """Raise InvalidInputError if ``size`` is larger than ``canvas``."""
    if size[0] > canvas[0] or size[1] > canvas[1]:
        raise InvalidInputError(
            f"a picture of {size[1]} x {size[0]} does not fit on the {canvas[1]} x {canvas[0]} of its image processor; "
            "crop the picture, or give the processor a larger size"
        )


def _place(pixels: Pixels, size: Size, color: tuple[int, int, int], *, centered: bool) -> Pixels:
    """Return a canvas of ``size`` and ``color`` with the picture on it."""
    height, width = pixels.shape[:2]
    canvas = np.full((*size, 3), color, np.uint8)
    top, left = ((size[0] - height) // 2, (size[1] - width) // 2) if centered else (0, 0)
    canvas[top : top + height, left : left + width] = pixels
    return canvas


def _check_size(new: Size, old: Size) -> None:
    if min(new) < 1 or new[0] * new[1] > MAX_RESIZED:
        raise InvalidInputError(
            f"a picture of {old[1]} x {old[0]} would be resized to {new[1]} x {new[0]}; crop it to a less narrow part"
        )
