"""Class maps, drawn on a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_vision.drawing.colors import class_color
from turnout_vision.drawing.masks import outline_width
from turnout_vision.pictures.array_pixels import bands

_OPACITY = 0.5
_MOST_CLASSES = 4096


def draw_class_map(picture: NDArray[np.uint8], class_map: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a copy of ``picture``, UINT8 [height, width, 3], colored by ``class_map``, integers [height, width].

    A pixel below 0 has no class and keeps its color. The borders between classes are lines in the full colors.
    """
    copy = picture.copy()
    if not class_map.size or (most := int(class_map.max())) < 0:
        return copy
    # Classes beyond the table share its colors.
    table = np.array([class_color(index) for index in range(min(most + 1, _MOST_CLASSES))], np.float32)
    wide = outline_width(picture)
    height, width = class_map.shape
    for rows in bands(height, width):
        classes = class_map[rows]
        known = classes >= 0
        colors = table[np.maximum(classes, 0) % len(table)]
        pixels = copy[rows].astype(np.float32)
        opacity = np.where(_borders(class_map, rows, wide), 1.0, _OPACITY).astype(np.float32) * known
        pixels += opacity[:, :, np.newaxis] * (colors - pixels)
        copy[rows] = np.rint(pixels).astype(np.uint8)
    return copy


def _borders(class_map: NDArray[Any], rows: slice, wide: int) -> NDArray[np.bool_]:
    """Return which pixels of ``rows`` have another class ``wide`` pixels to the right or below."""
    classes, width = class_map[rows], class_map.shape[1]
    borders = np.zeros(classes.shape, np.bool_)
    for step in range(1, wide + 1):
        below = class_map[rows.start + step : rows.stop + step]
        borders[: len(below)] |= classes[: len(below)] != below
        borders[:, : max(0, width - step)] |= classes[:, : max(0, width - step)] != classes[:, step:]
    return borders
