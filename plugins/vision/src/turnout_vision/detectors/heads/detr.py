"""DETR and its relatives: queries with logits of classes and a box, in fractions of the picture.

The formulas are those of ``post_process_object_detection`` in transformers.
"""

from __future__ import annotations

import numpy as np

from turnout_vision.detectors.detections import Detections, Numbers, best_class, from_centers
from turnout_vision.detectors.heads.head import Outputs, count_outputs, read_rows, refuse
from turnout_vision.preprocess.sizes import Size

OUTPUTS = ("logits", "pred_boxes")
_LOGITS, _BOXES = "logits FP32 [1, queries, classes]", "boxes FP32 [1, queries, 4]"


def read_softmax(outputs: Outputs, size: Size) -> Detections:
    """Return one detection a query; the last class means that there is nothing. DETR, YOLOS, Table Transformer."""
    logits, boxes = _read(outputs, size)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return best_class(boxes, (exponents / exponents.sum(axis=1, keepdims=True))[:, :-1])


def read_sigmoid(outputs: Outputs, size: Size) -> Detections:
    """Return the best pairs of query and class, as many as there are queries. RT-DETR, D-FINE, RF-DETR."""
    return _read_best(outputs, size, most=None)


def read_sigmoid_of_100(outputs: Outputs, size: Size) -> Detections:
    """Return the best 100 pairs of query and class. Conditional DETR, Deformable DETR, DAB-DETR."""
    return _read_best(outputs, size, most=100)


def _read_best(outputs: Outputs, size: Size, *, most: int | None) -> Detections:
    logits, boxes = _read(outputs, size)
    queries, classes = logits.shape
    best = np.argsort(-logits, axis=None, kind="stable")[: queries if most is None else most]
    # A sigmoid that overflows is 0, and its exponential would warn.
    scores = 1 / (1 + np.exp(np.minimum(-logits.ravel()[best], 700)))
    return Detections(boxes[best // classes], scores, best % classes, classes)


def _read(outputs: Outputs, size: Size) -> tuple[Numbers, Numbers]:
    """Return the logits [queries, classes] and the boxes [queries, 4] in pixels."""
    count_outputs(outputs, 2, f"{_LOGITS} and {_BOXES}")
    logits, boxes = read_rows(outputs[0], _LOGITS), read_rows(outputs[1], _BOXES)
    if boxes.shape != (len(logits), 4):
        raise refuse(outputs[1], f"{_BOXES}, with the {len(logits)} queries of the logits")
    if logits.shape[1] < 2 and not logits.size:
        raise refuse(outputs[0], _LOGITS)
    height, width = size
    return logits, from_centers(boxes) * np.array([width, height, width, height], np.float64)
