"""From the pixels of a picture to the places of a model's map."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose

import numpy as np
from numpy.typing import NDArray

from turnout_vision.maps.axis import Floats, stretched
from turnout_vision.preprocess.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where the pixels of a picture are along one axis of a map.

    Attributes:
        positions: FP32 [n], the place of each pixel on the map.
        seen: BOOL [n], whether the model saw the pixel: a crop cuts off the others.
    """

    positions: Floats
    seen: NDArray[np.bool_]


def row_places(frame: Frame, height: int, size: int) -> Places:
    """Return where the ``height`` rows of a picture are on a map of ``size`` rows, which covers all of ``frame``."""
    return _places(height, size, frame.height, frame.scale_y, frame.top)


def column_places(frame: Frame, width: int, size: int) -> Places:
    """Return where the ``width`` columns of a picture are on a map of ``size`` columns, which covers all of ``frame``."""
    return _places(width, size, frame.width, frame.scale_x, frame.left)


def _places(count: int, size: int, canvas: int, scale: float, offset: float) -> Places:
    if offset == 0 and isclose(count * scale, canvas, rel_tol=1e-9):
        return Places(stretched(count, size), np.ones(count, np.bool_))
    prepared = (np.arange(count) + 0.5) * scale + offset
    positions = (prepared * (size / canvas) - 0.5).astype(np.float32)
    return Places(positions, (prepared >= 0) & (prepared <= canvas))
