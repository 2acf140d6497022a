"""Reading: from a detector's response to the boxes of the picture that remain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout import InferenceResponse
from turnout.errors import InferenceError
from turnout_vision.detectors.classes import DetectorClasses
from turnout_vision.detectors.detections import Detections, check_detections
from turnout_vision.detectors.heads.head import Head
from turnout_vision.detectors.heads.known import head_of_outputs
from turnout_vision.detectors.suppression import keep_best, suppress
from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.sizes import Size


@dataclass(frozen=True, slots=True)
class DetectionReader:
    """Reads the responses of the detector ``model``. Thread-safe.

    Attributes:
        head: the family of the detector; None finds it by the shape of the outputs.
        classes: their names, and which are kept.
        score_threshold: boxes with this score or less are dropped.
        most: the most boxes that are kept.
        iou_threshold: that of suppression; None is the usual one of the head.
        agnostic: also boxes of different classes suppress each other.
        outputs: the names of the outputs in the order of the head; None are the usual ones.
        masked: the model gets a mask of the picture's pixels: its fractions are of the picture, and not of the whole input.
    """

    model: str
    head: Head | None
    classes: DetectorClasses
    score_threshold: float
    most: int
    iou_threshold: float | None = None
    agnostic: bool = False
    outputs: tuple[str, ...] | None = None
    masked: bool = False

    def read(self, response: InferenceResponse, frame: Frame, picture: Size) -> Detections:
        """Return the detections in pixels of the picture, best first; their boxes may extend beyond it.

        ``picture`` is its height and width, ``frame`` is where it is on the model's input.

        Raises:
            InferenceError: the outputs are not those of the head, or contain NaN.
            TurnoutError: the error of a response that failed.
        """
        # A failed response has no outputs; its own error says more than their absence.
        if response.error is not None:
            raise response.error
        size = content_size(frame, picture) if self.masked else (frame.height, frame.width)
        head, outputs = self._find_outputs(response, size)
        with np.errstate(all="ignore"):
            found = check_detections(head.read(outputs, size), self.model)
        found = self.classes.select(found.take(found.scores > self.score_threshold))
        found = _move(found, frame, picture)
        iou_threshold = head.iou_threshold if self.iou_threshold is None else self.iou_threshold
        if iou_threshold is None:
            return keep_best(found, self.most)
        return suppress(found, iou_threshold, most=self.most, agnostic=self.agnostic)

    def _find_outputs(self, response: InferenceResponse, size: Size) -> tuple[Head, list[NDArray[Any]]]:
        names = self.outputs or (self.head.outputs if self.head else ()) or tuple(response)
        missing = [name for name in names if name not in response]
        if missing:
            shown = ", ".join(list(response)[:20]) or "none"
            raise InferenceError(
                f"model {self.model!r} has the outputs {shown:.200}, and not {missing[0]!r}; write `outputs:` with those of "
                f"{', '.join(names):.200}, in this order"
            )
        outputs = [response[name] for name in names]
        return self.head or head_of_outputs(outputs, size), outputs


def content_size(frame: Frame, picture: Size) -> Size:
    """Return height and width of the ``picture`` on the model's input."""
    return round(picture[0] * frame.scale_y), round(picture[1] * frame.scale_x)


def _move(found: Detections, frame: Frame, picture: Size) -> Detections:
    """Return ``found`` in pixels of the picture, without those outside it."""
    boxes = frame.to_picture(found.boxes)
    left, top = np.maximum(boxes[:, 0], 0), np.maximum(boxes[:, 1], 0)
    inside = (np.minimum(boxes[:, 2], picture[1]) > left) & (np.minimum(boxes[:, 3], picture[0]) > top)
    return Detections(boxes, found.scores, found.classes, found.class_count).take(inside)
