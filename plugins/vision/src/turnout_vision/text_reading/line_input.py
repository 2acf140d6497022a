"""Lines of text as inputs of a model: of one height, and of one width in each group."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# 200 times as wide as it is high: no line of text is.
_MAX_WIDTH = 9600


def group_widths(crops: Sequence[NDArray[np.uint8]], *, height: int, least: int, group: int) -> list[int]:
    """Return the width of the input of each crop: that of the widest of its group, and ``least`` at least.

    The crops are sorted by their proportions, and each ``group`` of them gets one width, so that they fit into one batch.
    """
    ratios = np.array([crop.shape[1] / float(crop.shape[0]) for crop in crops])
    # Not stable on purpose: PaddleOCR's code sorts like this, and two crops of one proportion may be in different groups.
    order = np.argsort(ratios)
    widths = [0] * len(crops)
    for start in range(0, len(crops), group):
        members = order[start : start + group]
        widest = max(least / height, float(ratios[members].max()))
        for member in members:
            widths[member] = min(_MAX_WIDTH, int(height * widest))
    return widths


def resize_line(crop: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Return ``crop`` with ``height`` rows and its proportions, squeezed where it is wider than ``width``."""
    import cv2

    own = min(width, math.ceil(height * (crop.shape[1] / float(crop.shape[0]))))
    return np.asarray(cv2.resize(crop, (own, height)), np.uint8)
