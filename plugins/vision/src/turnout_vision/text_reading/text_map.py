"""From a detector's map of probabilities to regions of text, as Differentiable Binarization (DB) reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout_vision.text_reading.polygons import grow, order_corners, smallest_rectangle

# Smaller rectangles are noise, in pixels of the map and of the frame.
_SMALLEST_SIDE = 3


@dataclass(frozen=True, slots=True)
class TextMapReader:
    """Reads a map of probabilities. Thread-safe.

    Attributes:
        threshold: a pixel is text if its probability is greater.
        box_threshold: the least mean probability of a region.
        unclip_ratio: how far a region is grown: the map shows the core of a line.
        dilate: join pixels that are next to each other.
        most: the number of areas of a map that are looked at.
    """

    threshold: float
    box_threshold: float
    unclip_ratio: float
    dilate: bool
    most: int

    def read(
        self, probabilities: NDArray[np.float32], height: int, width: int
    ) -> tuple[list[NDArray[np.float32]], list[float], int]:
        """Return the corners FP32 [4, 2] of each region in a frame of ``height`` and ``width``, the scores, and the areas.

        ``probabilities`` are FP32 [rows, columns], of any size. The number of areas may be greater than ``most``.
        """
        polygons, scores = [], []
        contours = self._contours(probabilities)
        for contour in contours[: self.most]:
            core, side = smallest_rectangle(contour)
            if side < _SMALLEST_SIDE:
                continue
            score = _mean_inside(probabilities, core)
            if score < self.box_threshold:
                continue
            rectangle, side = smallest_rectangle(grow(core, self.unclip_ratio))
            if side < _SMALLEST_SIDE + 2:
                continue
            polygon = _in_frame(rectangle, probabilities.shape, height, width)
            if polygon is not None:
                polygons.append(polygon)
                scores.append(score)
        return polygons, scores, len(contours)

    def _contours(self, probabilities: NDArray[np.float32]) -> list[NDArray[np.int32]]:
        import cv2

        mask = (probabilities > self.threshold).astype(np.uint8)
        if self.dilate:
            mask = np.asarray(cv2.dilate(mask, np.ones((2, 2), np.uint8)))
        # The third result, an image, was in OpenCV 3 only.
        return list(cv2.findContours(mask * 255, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0])


def read_map(output: NDArray[np.float32], model: str) -> NDArray[np.float32]:
    """Return the map FP32 [rows, columns] of a response.

    Raises:
        InferenceError: ``output`` is not one map of probabilities.
    """
    advice = "give find_text a detector with one map of probabilities, such as PP-OCR's"
    if output.ndim != 4 or output.shape[:2] != (1, 1) or not output.size:
        raise InferenceError(f"the output of model {model!r} is {list(output.shape)}, not [1, 1, height, width]; {advice}")
    values: NDArray[np.float32] = output[0, 0]
    # NaN is in no range.
    if not (values.min() >= -0.01 and values.max() <= 1.01):
        raise InferenceError(f"the output of model {model!r} has values from {values.min():g} to {values.max():g}; {advice}")
    return values


def _mean_inside(probabilities: NDArray[np.float32], rectangle: NDArray[np.float32]) -> float:
    import cv2

    rows, columns = probabilities.shape
    left, top = (int(np.clip(np.floor(rectangle[:, axis].min()), 0, most - 1)) for axis, most in ((0, columns), (1, rows)))
    right, bottom = (int(np.clip(np.ceil(rectangle[:, axis].max()), 0, most - 1)) for axis, most in ((0, columns), (1, rows)))
    inside = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    corners = (rectangle - np.array([left, top], np.float32)).astype(np.int32)
    cv2.fillPoly(inside, [corners], 1)
    return float(cv2.mean(probabilities[top : bottom + 1, left : right + 1], inside)[0])


def _in_frame(rectangle: NDArray[np.float32], shape: tuple[int, ...], height: int, width: int) -> NDArray[np.float32] | None:
    """Return ``rectangle`` of a map of ``shape`` in whole pixels of the frame; None if too little is left of it."""
    rows, columns = shape
    scaled = np.stack([np.round(rectangle[:, 0] / columns * width), np.round(rectangle[:, 1] / rows * height)], axis=1)
    # Clipped twice, as PaddleOCR's code does: corners outside the map must not change the order.
    inside = np.clip(scaled, 0, np.array([width, height], np.float32))
    corners = np.clip(order_corners(inside), 0, np.array([width - 1, height - 1], np.float32))
    sides = (np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[0] - corners[3]))
    return corners if all(int(side) > _SMALLEST_SIDE for side in sides) else None
