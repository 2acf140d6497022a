"""Geometry: operations that change the size of a picture, on UINT8 [height, width, 3]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout.errors import ConfigurationError, InvalidInputError
from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.sizes import Size, TargetSize

# A strip of 1 x 10,000 pixels whose shorter side becomes 224 would need 7 GB.
MAX_RESIZED = 100_000_000
# Of 0, the darkest point of a page, to 255, its brightest.
_BRIGHT = 200

Pixels = NDArray[np.uint8]
Color = tuple[int, int, int]


class Operation(Protocol):
    """Changes the size of a picture."""

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the new picture; ``pixels`` stay unchanged."""

    def move(self, frame: Frame) -> Frame:
        """Return the frame of the picture after the operation.

        Raises:
            ConfigurationError: the operation turns the picture.
        """


@dataclass(frozen=True, slots=True)
class Resize:
    """Resizes to ``target`` with the filter ``resample``, a number of Pillow, and its ``reducing_gap``."""

    target: TargetSize
    resample: int
    reducing_gap: float | None = None

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the resized picture.

        Raises:
            InvalidInputError: the result would have no pixels, or too many.
        """
        height, width = self.target.compute(*pixels.shape[:2])
        if (height, width) == pixels.shape[:2]:
            return pixels
        check_size((height, width), pixels.shape[:2])
        from PIL import Image

        image = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(image.resize((width, height), Image.Resampling(self.resample), reducing_gap=self.reducing_gap))

    def move(self, frame: Frame) -> Frame:
        return frame.resized(*self.target.compute(frame.height, frame.width))


@dataclass(frozen=True, slots=True)
class CenterCrop:
    """Cuts ``height`` and ``width`` out of the middle; a smaller picture is padded with black."""

    height: int
    width: int

    def apply(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        down, right = self._offset(height, width)
        cut = np.zeros((self.height, self.width, 3), np.uint8)
        cut[max(down, 0) : height + down, max(right, 0) : width + right] = pixels[
            max(-down, 0) : self.height - down, max(-right, 0) : self.width - right
        ]
        return cut

    def move(self, frame: Frame) -> Frame:
        return frame.moved(*self._offset(frame.height, frame.width), self.height, self.width)

    def _offset(self, height: int, width: int) -> tuple[int, int]:
        """Return how far down and to the right the picture moves."""
        # Of an odd difference, transformers puts the larger half in front of a side that it pads.
        return -((height - self.height) // 2), -((width - self.width) // 2)


@dataclass(frozen=True, slots=True)
class ShareCrop:
    """Cuts a share of the shorter side out of the middle, as Perceiver does before it resizes."""

    height: float
    width: float

    def apply(self, pixels: Pixels) -> Pixels:
        return self._crop(*pixels.shape[:2]).apply(pixels)

    def move(self, frame: Frame) -> Frame:
        return self._crop(frame.height, frame.width).move(frame)

    def _crop(self, height: int, width: int) -> CenterCrop:
        shorter = min(height, width)
        return CenterCrop(int(self.height * shorter), int(self.width * shorter))


@dataclass(frozen=True, slots=True)
class SquareCanvas:
    """Puts the picture into the middle of a square of ``color``."""

    color: Color

    def apply(self, pixels: Pixels) -> Pixels:
        side = max(pixels.shape[:2])
        check_size((side, side), pixels.shape[:2])
        return Canvas(side, side, self.color).apply(pixels)

    def move(self, frame: Frame) -> Frame:
        side = max(frame.height, frame.width)
        return Canvas(side, side).move(frame)


@dataclass(frozen=True, slots=True)
class AlignLongAxis:
    """Rotates by 270 degrees if the longer side of the picture is not that of ``height`` and ``width``."""

    height: int
    width: int

    def apply(self, pixels: Pixels) -> Pixels:
        return np.rot90(pixels, 3) if self._turns(*pixels.shape[:2]) else pixels

    def move(self, frame: Frame) -> Frame:
        if not self._turns(frame.height, frame.width):
            return frame
        raise ConfigurationError(
            "do_align_long_axis turns a picture, so boxes in it cannot be put back; write `do_align_long_axis: false` in "
            "a copy of the image processor's file, and name its folder as `processor:`"
        )

    def _turns(self, height: int, width: int) -> bool:
        return (self.width < self.height and width > height) or (self.width > self.height and width < height)


@dataclass(frozen=True, slots=True)
class Canvas:
    """Puts the picture on a canvas of ``height``, ``width`` and ``color``: in its middle, or in its upper left corner."""

    height: int
    width: int
    color: Color = (0, 0, 0)
    centered: bool = True

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the canvas.

        Raises:
            InvalidInputError: the picture is larger than the canvas.
        """
        height, width = pixels.shape[:2]
        check_fits((height, width), (self.height, self.width))
        canvas = np.full((self.height, self.width, 3), self.color, np.uint8)
        top, left = self._offset(height, width)
        canvas[top : top + height, left : left + width] = pixels
        return canvas

    def move(self, frame: Frame) -> Frame:
        return frame.moved(*self._offset(frame.height, frame.width), self.height, self.width)

    def _offset(self, height: int, width: int) -> Size:
        return ((self.height - height) // 2, (self.width - width) // 2) if self.centered else (0, 0)


@dataclass(frozen=True, slots=True)
class CornerCanvas:
    """Adds black on the right and at the bottom of a picture that is smaller than ``height`` or ``width``."""

    height: int
    width: int

    def apply(self, pixels: Pixels) -> Pixels:
        return self._canvas(*pixels.shape[:2]).apply(pixels)

    def move(self, frame: Frame) -> Frame:
        return self._canvas(frame.height, frame.width).move(frame)

    def _canvas(self, height: int, width: int) -> Canvas:
        return Canvas(max(self.height, height), max(self.width, width), centered=False)


@dataclass(frozen=True, slots=True)
class CropMargin:
    """Cuts off a margin that is bright beside the darkest point, as around a printed page."""

    def apply(self, pixels: Pixels) -> Pixels:
        from PIL import Image

        light = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))
        darkest, brightest = light.min(), light.max()
        if darkest == brightest:
            return pixels
        dark = (light - darkest) / (brightest - darkest) * 255 < _BRIGHT
        rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
        return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    def move(self, frame: Frame) -> Frame:
        raise ConfigurationError(
            "do_crop_margin cuts a picture by its content, so boxes in it cannot be put back; write `do_crop_margin: false` in "
            "a copy of the image processor's file, and name its folder as `processor:`"
        )


@dataclass(frozen=True, slots=True)
class MirroredEdge:
    """Mirrors the right and the lower edge up to the next multiple of ``divisor``, a whole one if it is a multiple."""

    divisor: int

    def apply(self, pixels: Pixels) -> Pixels:
        down, right = self._missing(*pixels.shape[:2])
        return np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="symmetric")

    def move(self, frame: Frame) -> Frame:
        down, right = self._missing(frame.height, frame.width)
        return frame.moved(0, 0, frame.height + down, frame.width + right)

    def _missing(self, height: int, width: int) -> Size:
        return self.divisor - height % self.divisor, self.divisor - width % self.divisor


def check_fits(size: Size, canvas: Size) -> None:
    """Raise InvalidInputError if ``size`` is larger than ``canvas``."""
    if size[0] > canvas[0] or size[1] > canvas[1]:
        raise InvalidInputError(
            f"a picture of {size[1]} x {size[0]} does not fit on the {canvas[1]} x {canvas[0]} of its image processor; "
            "crop the picture, or give the processor a larger size"
        )


def check_size(new: Size, old: Size) -> None:
    """Raise InvalidInputError if a picture of size ``old`` would become one without pixels, or with too many."""
    if min(new) < 1 or new[0] * new[1] > MAX_RESIZED:
        raise InvalidInputError(
            f"a picture of {old[1]} x {old[0]} would be resized to {new[1]} x {new[0]}; crop it to a less narrow part"
        )
