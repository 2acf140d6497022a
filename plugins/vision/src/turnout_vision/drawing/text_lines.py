"""Lines of text as they were read, at their places on a panel beside the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from turnout_vision.drawing.colors import region_color
from turnout_vision.drawing.fonts import find_font, writable
from turnout_vision.text_reading.text_line import TextLine

if TYPE_CHECKING:
    from PIL.Image import Image

_PAPER, _INK = (250, 250, 248), (20, 20, 20)
_LEAST_TEXT = 8
# Letters with descenders fill about so much of a line's height.
_FILLED = 0.72


def draw_outlines(image: Image, lines: Sequence[TextLine], scale: int) -> None:
    """Draw the outlines of ``lines`` on ``image``, which is ``scale`` times as large as their picture."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(image)
    for index, line in enumerate(lines):
        corners = [(float(x) * scale, float(y) * scale) for x, y in line.polygon]
        pen.polygon(corners, outline=region_color(index), width=max(2, max(image.size) // 400))


def lines_panel(lines: Sequence[TextLine], width: int, height: int, scale: int) -> Image:
    """Return ``width`` x ``height`` pixels with the text of each line where it is in the picture, as large as it fits."""
    from PIL import Image, ImageDraw

    panel = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(panel)
    for index, line in enumerate(lines):
        corners = [(float(x) * scale, float(y) * scale) for x, y in line.polygon]
        pen.polygon(corners, outline=region_color(index), width=1)
        left, top = min(x for x, _ in corners), min(y for _, y in corners)
        room = (max(x for x, _ in corners) - left, max(y for _, y in corners) - top)
        text = writable(line.text)
        size = _text_size(pen.textlength(text, font=find_font(100, text)) / 100, *room)
        pen.text((left + 2, top + (room[1] - size * 1.2) / 2), text, font=find_font(size, text), fill=_INK)
    return panel


def _text_size(width_of_one: float, width: float, height: float) -> int:
    """Return the size of a text that fits into ``width`` x ``height``, and is readable; ``width_of_one`` is that of size 1."""
    fitting = min(height * _FILLED, (width - 4) / width_of_one if width_of_one else height)
    return max(_LEAST_TEXT, int(fitting))
