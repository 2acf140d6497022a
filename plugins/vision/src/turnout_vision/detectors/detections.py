"""Detections: the boxes that a detector's outputs describe, with their scores and classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError

# Far outside every picture, and small enough that sums and products of boxes stay finite.
_FARTHEST = 1e7

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The boxes of one picture, in any order.

    Attributes:
        boxes: left, top, right and bottom, FP64 [n, 4].
        scores: FP64 [n].
        classes: INT64 [n].
        class_count: the number of classes that the model knows; None if its outputs do not show it.
    """

    boxes: Numbers
    scores: Numbers
    classes: NDArray[np.int64]
    class_count: int | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, indexes: NDArray[Any]) -> Detections:
        """Return those at ``indexes``, integers or one BOOL for each."""
        return Detections(self.boxes[indexes], self.scores[indexes], self.classes[indexes], self.class_count)


def best_class(boxes: Numbers, scores: Numbers) -> Detections:
    """Return ``boxes`` [n, 4] with the class of their best score; ``scores`` are [n, classes]."""
    classes = scores.argmax(axis=1)
    return Detections(boxes, scores[np.arange(len(scores)), classes], classes.astype(np.int64), scores.shape[1])


def from_centers(boxes: Numbers) -> Numbers:
    """Return left, top, right, bottom of ``boxes`` [n, 4], which are center x, center y, width, height."""
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([center - half, center + half], axis=1)


def check_detections(found: Detections, model: str) -> Detections:
    """Return ``found`` with finite boxes.

    Raises:
        InferenceError: there is a NaN among the boxes or scores.
    """
    for name, values in (("boxes", found.boxes), ("scores", found.scores)):
        if np.isnan(values).any():
            raise InferenceError(f"the {name} of model {model!r} contain NaN; check the model's precision and its input")
    return replace(found, boxes=np.clip(found.boxes, -_FARTHEST, _FARTHEST))
