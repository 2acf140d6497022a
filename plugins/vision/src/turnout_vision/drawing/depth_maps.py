"""Depth maps as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout_vision.drawing.captions import INK, extend
from turnout_vision.drawing.colors import depth_colors
from turnout_vision.drawing.fonts import find_font
from turnout_vision.pictures.array_pixels import bands

if TYPE_CHECKING:
    from PIL.Image import Image

# A few odd pixels must not take all colors from the others.
_PERCENTILES = (1, 99)
_MOST_SAMPLES = 250_000


@dataclass(frozen=True, slots=True, eq=False)
class DepthPicture:
    """A depth map as pixels.

    Attributes:
        pixels: UINT8 [height, width, 3]; black where the map has no number.
        least: the value of the darkest color and all below it.
        most: the value of the brightest color and all above it.
    """

    pixels: NDArray[np.uint8]
    least: float
    most: float


def draw_depth_map(depth: NDArray[Any]) -> DepthPicture:
    """Return ``depth``, floats [height, width], as a picture."""
    least, most = _find_range(depth)
    height, width = depth.shape
    pixels = np.zeros((height, width, 3), np.uint8)
    for rows in bands(height, width):
        values = depth[rows].astype(np.float32)
        known = np.isfinite(values)
        levels = np.clip((np.where(known, values, least) - least) / ((most - least) or 1), 0, 1)
        pixels[rows] = depth_colors(levels) * known[:, :, np.newaxis]
    return DepthPicture(pixels, least, most)


def depth_panel(depth: NDArray[Any], scale: int, text_size: int) -> Image:
    """Return ``depth``, floats [height, width], as a picture ``scale`` times as large, with a scale of its colors below it."""
    from PIL import Image, ImageDraw

    drawn, font, pad = draw_depth_map(depth), find_font(text_size), text_size // 2
    height, width = depth.shape
    image = Image.fromarray(drawn.pixels).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    canvas = extend(image, text_size + 2 * pad)
    pen, top = ImageDraw.Draw(canvas), image.height + pad
    low, high = f"depth {drawn.least:.3g}", f"{drawn.most:.3g}"
    left = pad + int(pen.textlength(low, font=font)) + pad
    right = canvas.width - pad - int(pen.textlength(high, font=font)) - pad
    pen.text((pad, top), low, font=font, fill=INK)
    pen.text((right + pad, top), high, font=font, fill=INK)
    if right > left:
        bar = np.tile(depth_colors(np.linspace(0, 1, right - left)), (text_size, 1, 1))
        canvas.paste(Image.fromarray(bar), (left, top))
    return canvas


def _find_range(depth: NDArray[Any]) -> tuple[float, float]:
    step = max(1, int(np.sqrt(depth.size / _MOST_SAMPLES)))
    values = depth[::step, ::step].astype(np.float32)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 0.0
    least, most = np.percentile(values, _PERCENTILES)
    return float(least), float(most)
