"""Drawing masks, boxes, captions and answers on a picture."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from turnout.files.atomic import whole_file
from turnout_vision.findings import Finding
from turnout_vision.pixels import Colour
from turnout_vision.regions import Region

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

# Smaller pictures are enlarged, so that the text on them can be read.
_LEAST_SIDE = 640
# Weak, since captions speak of colours; the edge says where the mask is.
_MASK_OPACITY = 0.2


def annotated(picture: NDArray[np.uint8], findings: Sequence[Finding], footer: Sequence[str] = ()) -> Image:
    """Return ``picture``, UINT8 [height, width, 3], with ``findings`` drawn on it and ``footer`` written below it."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(_tinted(picture, findings))
    scale = max(1, -(-_LEAST_SIDE // max(image.size)))
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
    pen = _Pen(ImageDraw.Draw(image), scale, max(14, max(image.size) // 50), image.size)
    boxed = [(index, finding.region, finding) for index, finding in enumerate(findings) if finding.region is not None]
    for index, region, _ in boxed:
        pen.box(region, colour_of(index))
    for index, region, finding in boxed:
        texts = dict.fromkeys((region.label, *finding.texts.values()))
        pen.lines(region, [text for text in texts if text], colour_of(index))
    return _with_footer(image, footer, pen.text_size) if footer else image


def save_png(image: Image, file: Path) -> None:
    """Write ``image`` to ``file`` as PNG, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file, mode=0o666) as stream:
        image.save(stream, "PNG")


def colour_of(index: int) -> Colour:
    """Return the colour of region ``index``; neighbours in number are far apart in hue."""
    red, green, blue = colorsys.hsv_to_rgb((0.02 + index * 0.618034) % 1, 0.85 if index % 2 == 0 else 0.65, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def _tinted(picture: NDArray[np.uint8], findings: Sequence[Finding]) -> NDArray[np.uint8]:
    tinted = picture.copy()
    for index, finding in enumerate(findings):
        if finding.mask is not None and finding.mask.shape == picture.shape[:2] and finding.mask.any():
            _tint(tinted, finding.mask, colour_of(index))
    return tinted


def _tint(picture: NDArray[np.uint8], mask: NDArray[np.bool_], colour: Colour) -> None:
    """Mix ``colour`` into what ``mask`` covers of ``picture``, and draw the mask's edge in it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside, shown = mask[part], picture[part]
    mixed = shown[inside].astype(np.float32)
    mixed += _MASK_OPACITY * (np.asarray(colour, np.float32) - mixed)
    shown[inside] = np.rint(mixed).astype(np.uint8)
    shown[inside & ~_eroded(inside, max(1, max(picture.shape) // 500))] = colour


def _eroded(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Return ``mask`` without the pixels that are this near to its edge."""
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask


class _Pen:
    """Draws in the coordinates of the enlarged picture; remembers its plates, so that none hides another."""

    def __init__(self, draw: ImageDraw, scale: int, text_size: int, size: tuple[int, int]) -> None:
        from PIL import ImageFont

        self.text_size = text_size
        self._draw = draw
        self._scale = scale
        self._size = size
        self._font = ImageFont.load_default(size=text_size)
        self._plates: list[tuple[int, int, int, int]] = []

    def box(self, region: Region, colour: Colour) -> None:
        left, top, right, bottom = (side * self._scale for side in region.box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=max(2, self.text_size // 8))

    def lines(self, region: Region, lines: Sequence[str], colour: Colour) -> None:
        """Write on a plate of ``colour``: above the box, below it, or in it, wherever there is room."""
        text = "\n".join(_wrapped(line, self._columns()) for line in lines)
        if not text:
            return
        pad = self.text_size // 4
        _, _, right, bottom = self._draw.multiline_textbbox((0, 0), text, font=self._font)
        width, height = int(right) + 2 * pad, int(bottom) + 2 * pad
        left = max(0, min(region.left * self._scale, self._size[0] - width))
        top = self._free_top(region, left, width, height)
        self._plates.append((left, top, left + width, top + height))
        self._draw.rectangle((left, top, left + width, top + height), fill=colour)
        self._draw.multiline_text((left + pad, top + pad), text, font=self._font, fill=_readable_on(colour))

    def _free_top(self, region: Region, left: int, width: int, height: int) -> int:
        """Return where a plate hides no other plate, if there is such a place; inside of the picture in any case."""
        top, bottom = region.top * self._scale, region.bottom * self._scale
        last = max(0, self._size[1] - height)
        wanted = [place for place in (top - height, bottom) if 0 <= place <= last]
        inside = max(0, min(top, last))
        places: list[int] = [*wanted, inside, *range(inside, last, max(1, self.text_size // 2))]
        free = (place for place in places if not self._hides(left, place, left + width, place + height))
        return next(free, places[0])

    def _hides(self, left: int, top: int, right: int, bottom: int) -> bool:
        return any(left < east and west < right and top < south and north < bottom for west, north, east, south in self._plates)

    def _columns(self) -> int:
        return max(16, int(self._size[0] / (self.text_size * 0.6)))


def _with_footer(image: Image, footer: Sequence[str], text_size: int) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    font, pad = ImageFont.load_default(size=text_size), text_size // 2
    text = "\n".join(_wrapped(line, max(16, int(image.width / (text_size * 0.6)))) for line in footer)
    bottom = ImageDraw.Draw(image).multiline_textbbox((0, 0), text, font=font)[3]
    canvas = Image.new("RGB", (image.width, image.height + int(bottom) + 2 * pad), (24, 24, 24))
    canvas.paste(image, (0, 0))
    ImageDraw.Draw(canvas).multiline_text((pad, image.height + pad), text, font=font, fill=(255, 255, 255))
    return canvas


def _wrapped(line: str, columns: int) -> str:
    return "\n".join(textwrap.wrap(line, columns, max_lines=4)) or line


def _readable_on(colour: Colour) -> Colour:
    red, green, blue = colour
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)
