"""Target sizes of models that cut a picture into patches: bounded sides, bounded numbers of pixels, whole multiples.

The formulas are those of transformers, rounding included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from turnout.errors import InvalidInputError
from turnout_vision.preprocess.sizes import Size

# Beyond, transformers refuses a picture too.
_MAX_ASPECT_RATIO = 200


@dataclass(frozen=True, slots=True)
class ShortestEdgeDown:
    """The shorter side ``edge``, the longer at most 1333/800 of it, both rounded down to a multiple of ``divisor``."""

    edge: int
    divisor: int

    def compute(self, height: int, width: int) -> Size:
        longest = int(1333 / 800 * self.edge)
        scale = self.edge / min(height, width)
        sides = (float(self.edge), scale * width) if height < width else (scale * height, float(self.edge))
        if max(sides) > longest:
            scale = longest / max(sides)
            sides = (scale * sides[0], scale * sides[1])
        rows, columns = (int(side + 0.5) // self.divisor * self.divisor for side in sides)
        return rows, columns


@dataclass(frozen=True, slots=True)
class ShortestEdgeMultiple:
    """The shorter side ``edge``, or less where the longer would exceed ``longest``, rounded down to a ``multiple``."""

    edge: int
    longest: int
    multiple: int

    def compute(self, height: int, width: int) -> Size:
        short, long = float(min(height, width)), float(max(height, width))
        exact: float = self.edge
        if long / short * self.edge > self.longest:
            exact = self.longest * short / long
        edge = round(exact)
        if width < height:
            rows, columns = int(exact * height / width), edge
        elif height == edge:
            rows, columns = height, width
        else:
            rows, columns = edge, int(exact * width / height)
        return rows - rows % self.multiple, columns - columns % self.multiple


@dataclass(frozen=True, slots=True)
class LongestEdgeAtLeast:
    """The longer side ``edge``, the shorter in proportion but not below ``least``."""

    edge: int
    least: int
    rounds: Callable[[float], int] = round

    def compute(self, height: int, width: int) -> Size:
        shorter = max(self.rounds(min(height, width) * (self.edge / max(height, width))), self.least)
        longer = max(self.edge, self.least)
        return (shorter, longer) if width >= height else (longer, shorter)


@dataclass(frozen=True, slots=True)
class WholePatches:
    """A larger picture is reduced to fit into ``height`` and ``width``; then each side is rounded up to whole patches."""

    height: int
    width: int
    patch_height: int
    patch_width: int

    def compute(self, height: int, width: int) -> Size:
        ratio = max(height / self.height, width / self.width)
        if ratio > 1:
            height, width = math.floor(height / ratio), math.floor(width / ratio)
        rows, columns = (height - 1) // self.patch_height + 1, (width - 1) // self.patch_width + 1
        return rows * self.patch_height, columns * self.patch_width


@dataclass(frozen=True, slots=True)
class PixelBudget:
    """Sides that are multiples of ``factor``, with ``least`` to ``most`` pixels in all ``frames`` together."""

    factor: int
    least: int
    most: int
    frames: int = 1

    def compute(self, height: int, width: int) -> Size:
        """Return the size.

        Raises:
            InvalidInputError: the picture is too narrow.
        """
        if max(height, width) > _MAX_ASPECT_RATIO * min(height, width):
            raise InvalidInputError(
                f"a picture of {width} x {height} is narrower than 1 to {_MAX_ASPECT_RATIO}, which its image processor "
                "refuses; crop it to a less narrow part"
            )
        rows, columns = (round(side / self.factor) * self.factor for side in (height, width))
        if self.frames * rows * columns > self.most:
            ratio = math.sqrt(self.frames * height * width / self.most)
            return self._down(height / ratio), self._down(width / ratio)
        if self.frames * rows * columns < self.least:
            ratio = math.sqrt(self.least / (self.frames * height * width))
            return self._up(height * ratio), self._up(width * ratio)
        return rows, columns

    def _down(self, side: float) -> int:
        return max(self.factor, math.floor(side / self.factor) * self.factor)

    def _up(self, side: float) -> int:
        return math.ceil(side / self.factor) * self.factor
