"""Target sizes: the height and width to which a picture is resized.

The formulas are those of transformers, rounding included: one pixel more is another input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

Size = tuple[int, int]


class TargetSize(Protocol):
    """Computes the size after resizing."""

    def compute(self, height: int, width: int) -> Size:
        """Return the height and width to which a picture of ``height`` and ``width`` is resized."""


@dataclass(frozen=True, slots=True)
class ExactSize:
    """The same size for every picture."""

    height: int
    width: int

    def compute(self, height: int, width: int) -> Size:
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class ShortestEdge:
    """A size whose shorter side is ``edge``, with the aspect ratio of the picture."""

    edge: int

    def compute(self, height: int, width: int) -> Size:
        if width <= height:
            return int(self.edge * height / width), self.edge
        return self.edge, int(self.edge * width / height)


@dataclass(frozen=True, slots=True)
class ShortestEdgeWithin:
    """A size whose shorter side is ``edge``, or less where the longer side would exceed ``longest``."""

    edge: int
    longest: int

    def compute(self, height: int, width: int) -> Size:
        short, long = float(min(height, width)), float(max(height, width))
        # Too long a picture is scaled by the exact edge, of which only the shorter side is rounded.
        exact: float = self.edge
        if long / short * self.edge > self.longest:
            exact = self.longest * short / long
        edge = round(exact)
        if min(height, width) == edge:
            return height, width
        return (int(exact * height / width), edge) if width < height else (edge, int(exact * width / height))


@dataclass(frozen=True, slots=True)
class Within:
    """The largest size inside ``height`` and ``width``, with the aspect ratio of the picture."""

    height: int
    width: int

    def compute(self, height: int, width: int) -> Size:
        scale = min(self.height / height, self.width / width)
        return int(height * scale), int(width * scale)


@dataclass(frozen=True, slots=True)
class MultipleOf:
    """The size ``height`` and ``width``, or one side of it with the picture's aspect ratio, rounded to a ``multiple``."""

    height: int
    width: int
    keep_aspect_ratio: bool
    multiple: float

    def compute(self, height: int, width: int) -> Size:
        scale_height, scale_width = self.height / height, self.width / width
        if self.keep_aspect_ratio:
            nearest = scale_width if abs(1 - scale_width) < abs(1 - scale_height) else scale_height
            scale_height = scale_width = nearest
        return self._round(scale_height * height), self._round(scale_width * width)

    def _round(self, side: float) -> int:
        return int(round(side / self.multiple) * self.multiple)


@dataclass(frozen=True, slots=True)
class RoundedDown:
    """The size of the picture, each side rounded down to a multiple of ``divisor``."""

    divisor: int

    def compute(self, height: int, width: int) -> Size:
        return height // self.divisor * self.divisor, width // self.divisor * self.divisor


@dataclass(frozen=True, slots=True)
class RoundedUp:
    """The size ``target``, each side rounded up to a multiple of ``divisor``."""

    target: TargetSize
    divisor: int

    def compute(self, height: int, width: int) -> Size:
        new_height, new_width = self.target.compute(height, width)
        return math.ceil(new_height / self.divisor) * self.divisor, math.ceil(new_width / self.divisor) * self.divisor


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A size of at most ``height`` and ``width``: a larger picture is reduced by its longer side."""

    height: int
    width: int

    def compute(self, height: int, width: int) -> Size:
        new_height, new_width = min(height, self.height), min(width, self.width)
        if (new_height, new_width) == (height, width):
            return height, width
        if height > width:
            return new_height, int(width * new_height / height)
        if width > height:
            return int(height * new_width / width), new_width
        return new_height, new_width


@dataclass(frozen=True, slots=True)
class LongestEdge:
    """A size whose longer side is ``edge``, with the aspect ratio of the picture, rounded, of at least 1 x 1."""

    edge: int

    def compute(self, height: int, width: int) -> Size:
        scale = self.edge / max(height, width)
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))


@dataclass(frozen=True, slots=True)
class LargestInside:
    """The largest size inside ``height`` and ``width``, with the aspect ratio of the picture, rounded, of at least 1 x 1."""

    height: int
    width: int

    def compute(self, height: int, width: int) -> Size:
        scale = min(self.height / height, self.width / width)
        return max(1, round(height * scale)), max(1, round(width * scale))


@dataclass(frozen=True, slots=True)
class NearestMultiple:
    """The size ``target``, each side rounded to the nearest multiple of ``divisor``, at least one."""

    target: TargetSize
    divisor: int

    def compute(self, height: int, width: int) -> Size:
        new_height, new_width = (max(1, round(side / self.divisor)) for side in self.target.compute(height, width))
        return new_height * self.divisor, new_width * self.divisor
