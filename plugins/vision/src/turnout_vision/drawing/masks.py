"""Masks of regions, drawn on a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from turnout_vision.drawing.colors import region_color
from turnout_vision.pictures.pixels import Color
from turnout_vision.regions.masks import bounding_box
from turnout_vision.regions.region_results import RegionResult

# Low, because captions mention colors; the outline shows the exact mask.
_OPACITY = 0.2


def draw_masks(picture: NDArray[np.uint8], results: Sequence[RegionResult]) -> NDArray[np.uint8]:
    """Return a copy of ``picture``, UINT8 [height, width, 3], with the masks of ``results`` drawn on it."""
    copy = picture.copy()
    for index, result in enumerate(results):
        if result.mask is not None and result.mask.shape == picture.shape[:2]:
            _draw_mask(copy, result.mask, region_color(index))
    return copy


def outline_width(picture: NDArray[np.uint8]) -> int:
    """Return how many pixels wide an outline on ``picture`` is."""
    return max(1, int(max(picture.shape)) // 500)


def _draw_mask(picture: NDArray[np.uint8], mask: NDArray[np.bool_], color: Color) -> None:
    """Blend ``color`` into the pixels of ``mask`` in ``picture``, and draw the mask's outline in it."""
    box = bounding_box(mask)
    if box is None:
        return
    left, top, right, bottom = box
    part = np.s_[top:bottom, left:right]
    inside, pixels = mask[part], picture[part]
    blend = pixels[inside].astype(np.float32)
    blend += _OPACITY * (np.asarray(color, np.float32) - blend)
    pixels[inside] = np.rint(blend).astype(np.uint8)
    pixels[inside & ~_erode(inside, outline_width(picture))] = color


def _erode(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Return ``mask`` without an edge of this many ``pixels``."""
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask
