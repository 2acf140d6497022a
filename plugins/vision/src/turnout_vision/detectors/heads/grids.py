"""Grids: the cells of a detector's maps, one map a stride."""

from __future__ import annotations

from math import ceil

import numpy as np

from turnout_vision.detectors.detections import Numbers
from turnout_vision.preprocess.sizes import Size

YOLO_STRIDES = (8, 16, 32)


def count_cells(size: Size, strides: tuple[int, ...] = YOLO_STRIDES) -> int:
    """Return the number of cells of all maps on an input of ``size``."""
    return sum(ceil(size[0] / stride) * ceil(size[1] / stride) for stride in strides)


def cell_corners(size: Size, stride: int) -> Numbers:
    """Return x and y of the upper left corner of each cell, FP64 [cells, 2], row by row, in cells."""
    rows, columns = np.indices((ceil(size[0] / stride), ceil(size[1] / stride)), np.float64)
    return np.stack([columns.ravel(), rows.ravel()], axis=1)
