"""Rectangles around text: their corners in order, grown, and sorted as they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Rectangles whose tops differ by less are on one line, in pixels of the frame.
_SAME_LINE = 10


def smallest_rectangle(points: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
    """Return the corners FP32 [4, 2] of the smallest rectangle around ``points``, from the top left, and its shorter side."""
    import cv2

    rectangle = cv2.minAreaRect(points)
    left, left_too, right, right_too = sorted(cv2.boxPoints(rectangle), key=lambda point: point[0])
    top_left, bottom_left = (left, left_too) if left_too[1] > left[1] else (left_too, left)
    top_right, bottom_right = (right, right_too) if right_too[1] > right[1] else (right_too, right)
    return np.array([top_left, top_right, bottom_right, bottom_left], np.float32), min(rectangle[1])


def grow(rectangle: NDArray[np.float32], ratio: float) -> NDArray[np.int32]:
    """Return the points INT32 [n, 1, 2] of ``rectangle`` with its border moved outwards, the more the thicker it is.

    The distance is area times ``ratio`` over perimeter, as in "Real-time Scene Text Detection with Differentiable
    Binarization" (Liao et al., 2020), section 3.5.
    """
    import pyclipper

    x, y = rectangle.astype(np.float64).T
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    perimeter = float(np.hypot(x - np.roll(x, -1), y - np.roll(y, -1)).sum())
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(rectangle, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return np.concatenate([np.array(path, np.int32) for path in offset.Execute(area * ratio / perimeter)]).reshape(-1, 1, 2)


def order_corners(points: NDArray[Any]) -> NDArray[np.float32]:
    """Return four ``points`` as top left, top right, bottom right, bottom left: the two leftmost first, each pair by height."""
    by_x = points[np.argsort(points[:, 0], kind="stable")]
    left, right = (pair[np.argsort(pair[:, 1], kind="stable")] for pair in (by_x[:2], by_x[2:]))
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def reading_order(polygons: list[NDArray[np.float32]]) -> list[int]:
    """Return the indexes of ``polygons`` as text is read: from the top, and from the left on one line."""
    tops = [(float(polygon[0][1]), float(polygon[0][0])) for polygon in polygons]
    order = sorted(range(len(polygons)), key=tops.__getitem__)
    for last in range(1, len(order)):
        place = last
        while place and _is_before(tops[order[place]], tops[order[place - 1]]):
            order[place - 1], order[place] = order[place], order[place - 1]
            place -= 1
    return order


def _is_before(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) < _SAME_LINE and one[1] < other[1]
