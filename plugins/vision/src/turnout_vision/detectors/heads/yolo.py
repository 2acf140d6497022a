"""The YOLO family: one tensor with a box and the scores of the classes for each cell of its maps."""

from __future__ import annotations

import numpy as np

from turnout_vision.detectors.detections import Detections, Numbers, best_class, from_centers
from turnout_vision.detectors.heads.grids import YOLO_STRIDES, cell_corners, count_cells
from turnout_vision.detectors.heads.head import Outputs, count_outputs, read_rows, refuse
from turnout_vision.preprocess.sizes import Size

_V5 = "FP32 [1, boxes, 5 + classes]"
_V8 = "FP32 [1, 4 + classes, boxes]"
_V10 = "FP32 [1, boxes, 6], boxes as left, top, right, bottom, score, class"
# exp of more is no size of a box.
_LARGEST_EXPONENT = 20.0


def read_v5(outputs: Outputs, size: Size) -> Detections:
    """Return the detections of YOLOv5, v6 and v7: center, size, objectness, classes."""
    rows = _read(outputs, _V5, columns=6)
    return best_class(from_centers(rows[:, :4]), rows[:, 4:5] * rows[:, 5:])


def read_v8(outputs: Outputs, size: Size) -> Detections:
    """Return the detections of YOLOv8, v9, v11 and v12: center, size, classes; the boxes are the last axis, or the second."""
    count_outputs(outputs, 1, f"one, {_V8}")
    rows = read_rows(outputs[0], _V8)
    cells = count_cells(size)
    if rows.shape[1] == cells or rows.shape[0] != cells:
        rows = rows.T
    if rows.shape[1] < 5:
        raise refuse(outputs[0], _V8)
    return best_class(from_centers(rows[:, :4]), rows[:, 4:])


def read_v10(outputs: Outputs, size: Size) -> Detections:
    """Return the detections of YOLOv10 and of other exports with their own suppression; empty rows have a score of 0."""
    rows = _read(outputs, _V10, columns=6)
    if rows.shape[1] != 6:
        raise refuse(outputs[0], _V10)
    classes = np.where(np.isfinite(rows[:, 5]), rows[:, 5], 0)
    return Detections(rows[:, :4], rows[:, 4], np.rint(classes).astype(np.int64))


def read_yolox(outputs: Outputs, size: Size) -> Detections:
    """Return the detections of YOLOX: offset and logarithm of the size in cells, objectness, classes."""
    rows = _read(outputs, _V5, columns=6)
    if len(rows) != count_cells(size):
        raise refuse(outputs[0], f"{_V5}, with {count_cells(size)} boxes for an input of {size[0]} x {size[1]}")
    grids = [(cell_corners(size, stride), stride) for stride in YOLO_STRIDES]
    corners = np.concatenate([cells for cells, _ in grids])
    strides = np.concatenate([np.full((len(cells), 1), stride, np.float64) for cells, stride in grids])
    sides = np.exp(np.minimum(rows[:, 2:4], _LARGEST_EXPONENT))
    boxes = np.concatenate([rows[:, :2] + corners, sides], axis=1) * strides
    return best_class(from_centers(boxes), rows[:, 4:5] * rows[:, 5:])


def _read(outputs: Outputs, wanted: str, *, columns: int) -> Numbers:
    count_outputs(outputs, 1, f"one, {wanted}")
    rows = read_rows(outputs[0], wanted)
    if rows.shape[1] < columns:
        raise refuse(outputs[0], wanted)
    return rows
