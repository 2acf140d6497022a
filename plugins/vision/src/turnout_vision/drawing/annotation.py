"""Annotated pictures: masks, boxes, captions and answers drawn on a picture."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.files.atomic import open_atomic
from turnout_vision.pictures.pixels import Color
from turnout_vision.regions.masks import bounding_box
from turnout_vision.regions.region import Region
from turnout_vision.regions.region_results import RegionResult, picture_texts, region_results

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

# Smaller pictures are enlarged, so that their text is readable.
_MIN_SIDE = 640
# Low, because captions mention colors; the outline shows the exact mask.
_MASK_OPACITY = 0.2


def annotate(picture: NDArray[np.uint8], results: Sequence[RegionResult], footer: Sequence[str] = ()) -> Image:
    """Return ``picture``, UINT8 [height, width, 3], with ``results`` drawn on it and ``footer`` written below it."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(_draw_masks(picture, results))
    scale = max(1, -(-_MIN_SIDE // max(image.size)))
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC)
    pen = _Pen(ImageDraw.Draw(image), scale, max(14, max(image.size) // 50), image.size)
    with_box = [(index, result.region, result) for index, result in enumerate(results) if result.region is not None]
    # All boxes come first, so that no box crosses a label.
    for index, region, _ in with_box:
        pen.draw_box(region, region_color(index))
    for index, region, result in with_box:
        texts = dict.fromkeys((region.label, *result.texts.values()))
        pen.draw_label(region, [text for text in texts if text], region_color(index))
    return _add_footer(image, footer, pen.text_size) if footer else image


def annotate_result(result: Mapping[str, Any]) -> Image:
    """Return the picture of a pipeline's ``result`` with what its steps wrote about it."""
    footer = [f"{name}: {text}" for name, text in picture_texts(result).items() if text]
    return annotate(result["picture"], region_results(result), footer)


def save_png(image: Image, file: Path) -> None:
    """Write ``image`` to ``file`` as PNG, whole or not at all; its folder is created.

    Raises:
        OSError: the file cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with open_atomic(file, mode=0o666) as stream:
        image.save(stream, "PNG")


def region_color(index: int) -> Color:
    """Return the color of region ``index``; consecutive regions have very different hues."""
    # Steps of the golden ratio around the hue circle.
    red, green, blue = colorsys.hsv_to_rgb((0.02 + index * 0.618034) % 1, 0.85 if index % 2 == 0 else 0.65, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def _draw_masks(picture: NDArray[np.uint8], results: Sequence[RegionResult]) -> NDArray[np.uint8]:
    """Return a copy of ``picture`` with the masks of ``results`` drawn on it."""
    copy = picture.copy()
    for index, result in enumerate(results):
        if result.mask is not None and result.mask.shape == picture.shape[:2]:
            _draw_mask(copy, result.mask, region_color(index))
    return copy


def _draw_mask(picture: NDArray[np.uint8], mask: NDArray[np.bool_], color: Color) -> None:
    """Blend ``color`` into the pixels of ``mask`` in ``picture``, and draw the mask's outline in it."""
    box = bounding_box(mask)
    if box is None:
        return
    left, top, right, bottom = box
    part = np.s_[top:bottom, left:right]
    inside, pixels = mask[part], picture[part]
    blend = pixels[inside].astype(np.float32)
    blend += _MASK_OPACITY * (np.asarray(color, np.float32) - blend)
    pixels[inside] = np.rint(blend).astype(np.uint8)
    pixels[inside & ~_erode(inside, max(1, max(picture.shape) // 500))] = color


def _erode(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Return ``mask`` without an edge of this many ``pixels``."""
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask


class _Pen:
    """Draws boxes and labels on the enlarged picture; records the labels, so that none covers another."""

    def __init__(self, draw: ImageDraw, scale: int, text_size: int, size: tuple[int, int]) -> None:
        from PIL import ImageFont

        self.text_size = text_size
        self._draw = draw
        self._scale = scale
        self._size = size
        self._font = ImageFont.load_default(size=text_size)
        self._labels: list[tuple[int, int, int, int]] = []

    def draw_box(self, region: Region, color: Color) -> None:
        left, top, right, bottom = (side * self._scale for side in region.box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), outline=color, width=max(2, self.text_size // 8))

    def draw_label(self, region: Region, lines: Sequence[str], color: Color) -> None:
        """Write ``lines`` on a background of ``color``: above the box, below it or inside, where there is room."""
        text = "\n".join(_wrap(line, _columns(self._size[0], self.text_size)) for line in lines)
        if not text:
            return
        pad = self.text_size // 4
        _, _, right, bottom = self._draw.multiline_textbbox((0, 0), text, font=self._font)
        width, height = int(right) + 2 * pad, int(bottom) + 2 * pad
        left = max(0, min(region.left * self._scale, self._size[0] - width))
        top = self._find_top(region, left, width, height)
        self._labels.append((left, top, left + width, top + height))
        self._draw.rectangle((left, top, left + width, top + height), fill=color)
        self._draw.multiline_text((left + pad, top + pad), text, font=self._font, fill=_text_color(color))

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


def _add_footer(image: Image, footer: Sequence[str], text_size: int) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    font, pad = ImageFont.load_default(size=text_size), text_size // 2
    text = "\n".join(_wrap(line, _columns(image.width, text_size)) for line in footer)
    bottom = ImageDraw.Draw(image).multiline_textbbox((0, 0), text, font=font)[3]
    canvas = Image.new("RGB", (image.width, image.height + int(bottom) + 2 * pad), (24, 24, 24))
    canvas.paste(image, (0, 0))
    ImageDraw.Draw(canvas).multiline_text((pad, image.height + pad), text, font=font, fill=(255, 255, 255))
    return canvas


def _columns(width: int, text_size: int) -> int:
    """Return how many characters fit into ``width`` pixels."""
    return max(16, int(width / (text_size * 0.6)))


def _wrap(line: str, columns: int) -> str:
    return "\n".join(textwrap.wrap(line, columns, max_lines=4)) or line


def _text_color(background: Color) -> Color:
    """Return black on a bright ``background``, white on a dark one."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)
