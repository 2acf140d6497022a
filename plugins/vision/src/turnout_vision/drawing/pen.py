"""Boxes and their labels, drawn on an enlarged picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from turnout_vision.drawing.colors import text_color
from turnout_vision.drawing.fonts import find_font
from turnout_vision.drawing.texts import text_size_of, wrap
from turnout_vision.pictures.pixels import Color
from turnout_vision.regions.region import Region

if TYPE_CHECKING:
    from PIL.Image import Image


class Pen:
    """Draws boxes and labels on ``image``, which is ``scale`` times as large as the picture of the boxes.

    It records the labels, so that none covers another.
    """

    def __init__(self, image: Image, scale: int) -> None:
        from PIL import ImageDraw

        self.text_size = text_size_of(*image.size)
        self._draw = ImageDraw.Draw(image)
        self._scale = scale
        self._size = image.size
        self._labels: list[tuple[int, int, int, int]] = []

    def draw_box(self, region: Region, color: Color) -> None:
        """Draw the outline of ``region``."""
        left, top, right, bottom = (side * self._scale for side in region.box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), outline=color, width=max(2, self.text_size // 8))

    def draw_label(self, region: Region, lines: Sequence[str], color: Color) -> None:
        """Write ``lines`` on a background of ``color``: above the box, below it or inside, where there is room."""
        text = "\n".join(wrap(line, self._size[0], self.text_size) for line in lines)
        if not text:
            return
        pad, font = self.text_size // 4, find_font(self.text_size, text)
        _, _, right, bottom = self._draw.multiline_textbbox((0, 0), text, font=font)
        width, height = int(right) + 2 * pad, int(bottom) + 2 * pad
        left = max(0, min(region.left * self._scale, self._size[0] - width))
        top = self._find_top(region, left, width, height)
        self._labels.append((left, top, left + width, top + height))
        self._draw.rectangle((left, top, left + width, top + height), fill=color)
        self._draw.multiline_text((left + pad, top + pad), text, font=font, fill=text_color(color))

    def _find_top(self, region: Region, left: int, width: int, height: int) -> int:
        """Return the top of a label that covers no other label, if there is room; it is always inside the picture."""
        top, bottom = region.top * self._scale, region.bottom * self._scale
        last = max(0, self._size[1] - height)
        outside = [place for place in (top - height, bottom) if 0 <= place <= last]
        inside = max(0, min(top, last))
        places: list[int] = [*outside, inside, *range(inside, last, max(1, self.text_size // 2))]
        free = (place for place in places if not self._covers_label(left, place, left + width, place + height))
        return next(free, places[0])

    def _covers_label(self, left: int, top: int, right: int, bottom: int) -> bool:
        return any(left < east and west < right and top < south and north < bottom for west, north, east, south in self._labels)
