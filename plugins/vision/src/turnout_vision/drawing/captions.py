"""The surroundings of a drawing: a legend of its colors, texts about the whole picture, a second picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from turnout_vision.drawing.fonts import find_font, writable
from turnout_vision.drawing.texts import wrap
from turnout_vision.pictures.pixels import Color

if TYPE_CHECKING:
    from PIL.Image import Image

BACKGROUND = (24, 24, 24)
INK = (255, 255, 255)
_MOST_ENTRIES = 24


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A color and what it means."""

    color: Color
    text: str


def add_legend(image: Image, entries: Sequence[LegendEntry], text_size: int) -> Image:
    """Return ``image`` with a square and a text for each of ``entries`` below it; of many, the first ones."""
    from PIL import ImageDraw

    pad = text_size // 2
    shown = [*entries[:_MOST_ENTRIES]]
    if len(entries) > len(shown):
        shown.append(LegendEntry(BACKGROUND, f"and {len(entries) - len(shown)} others"))
    font = find_font(text_size, " ".join(entry.text for entry in shown))
    shown = [replace(entry, text=writable(entry.text)) for entry in shown]
    measure = ImageDraw.Draw(image)
    places, left, top, line = [], pad, pad, int(text_size * 1.5)
    for entry in shown:
        width = text_size + pad + int(measure.textlength(entry.text, font=font)) + 2 * pad
        if left > pad and left + width > image.width:
            left, top = pad, top + line
        places.append((left, top))
        left += width
    canvas = extend(image, top + line)
    pen = ImageDraw.Draw(canvas)
    for (left, top), entry in zip(places, shown, strict=True):
        y = image.height + top
        pen.rectangle((left, y, left + text_size, y + text_size), fill=entry.color)
        pen.text((left + text_size + pad, y), entry.text, font=font, fill=INK)
    return canvas


def add_footer(image: Image, lines: Sequence[str], text_size: int) -> Image:
    """Return ``image`` with ``lines`` below it."""
    from PIL import ImageDraw

    pad = text_size // 2
    text = "\n".join(wrap(line, image.width, text_size) for line in lines)
    font = find_font(text_size, text)
    bottom = ImageDraw.Draw(image).multiline_textbbox((0, 0), text, font=font)[3]
    canvas = extend(image, int(bottom) + 2 * pad)
    ImageDraw.Draw(canvas).multiline_text((pad, image.height + pad), text, font=font, fill=INK)
    return canvas


def add_panel(image: Image, panel: Image) -> Image:
    """Return ``image`` and ``panel`` as one: side by side if the panel is high, else one above the other."""
    from PIL import Image

    if panel.height > panel.width:
        canvas = Image.new("RGB", (image.width + panel.width, max(image.height, panel.height)), BACKGROUND)
        canvas.paste(panel, (image.width, 0))
    else:
        canvas = Image.new("RGB", (max(image.width, panel.width), image.height + panel.height), BACKGROUND)
        canvas.paste(panel, (0, image.height))
    canvas.paste(image, (0, 0))
    return canvas


def extend(image: Image, height: int) -> Image:
    """Return ``image`` with ``height`` dark pixels below it."""
    from PIL import Image

    canvas = Image.new("RGB", (image.width, image.height + height), BACKGROUND)
    canvas.paste(image, (0, 0))
    return canvas
