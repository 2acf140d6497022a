"""Drawing masks, boxes, captions and answers on a picture."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from turnout_vision.atomic import replacing
from turnout_vision.findings import Finding
from turnout_vision.pixels import Colour
from turnout_vision.regions import Region

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

# Smaller pictures are enlarged, so that the text on them can be read.
_LEAST_SIDE = 640
_MASK_OPACITY = 0.45


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
        texts = (region.label, *finding.texts.values())
        pen.lines(region, [text for text in texts if text], colour_of(index))
    return _with_footer(image, footer, pen.text_size) if footer else image


def save_png(image: Image, file: Path) -> None:
    """Write ``image`` to ``file`` as PNG, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(file) as stream:
        image.save(stream, "PNG")


def colour_of(index: int) -> Colour:
    """Return the colour of region ``index``; neighbours in number are far apart in hue."""
    red, green, blue = colorsys.hsv_to_rgb((0.02 + index * 0.618034) % 1, 0.85 if index % 2 == 0 else 0.65, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def _tinted(picture: NDArray[np.uint8], findings: Sequence[Finding]) -> NDArray[np.uint8]:
    tinted = picture.copy()
    for index, finding in enumerate(findings):
        if finding.mask is not None and finding.mask.shape == picture.shape[:2]:
            inside = tinted[finding.mask].astype(np.float32)
            inside += _MASK_OPACITY * (np.asarray(colour_of(index), np.float32) - inside)
            tinted[finding.mask] = np.rint(inside).astype(np.uint8)
    return tinted


class _Pen:
    """Draws in the coordinates of the enlarged picture."""

    def __init__(self, draw: ImageDraw, scale: int, text_size: int, size: tuple[int, int]) -> None:
        from PIL import ImageFont

        self.text_size = text_size
        self._draw = draw
        self._scale = scale
        self._size = size
        self._font = ImageFont.load_default(size=text_size)

    def box(self, region: Region, colour: Colour) -> None:
        left, top, right, bottom = (side * self._scale for side in region.box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=max(2, self.text_size // 8))

    def lines(self, region: Region, lines: Sequence[str], colour: Colour) -> None:
        """Write on a plate of ``colour``: above the box, or in it where there is no room above."""
        text = "\n".join(_wrapped(line, self._columns()) for line in lines)
        if not text:
            return
        pad = self.text_size // 4
        _, _, right, bottom = self._draw.multiline_textbbox((0, 0), text, font=self._font)
        width, height = int(right) + 2 * pad, int(bottom) + 2 * pad
        left = max(0, min(region.left * self._scale, self._size[0] - width))
        above = region.top * self._scale - height
        top = above if above >= 0 else max(0, min(region.top * self._scale, self._size[1] - height))
        self._draw.rectangle((left, top, left + width, top + height), fill=colour)
        self._draw.multiline_text((left + pad, top + pad), text, font=self._font, fill=_readable_on(colour))

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
