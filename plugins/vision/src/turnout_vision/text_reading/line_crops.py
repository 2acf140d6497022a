"""Lines of text, cut out of a frame and straightened."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A crop this much taller than wide is a line written upwards.
_UPRIGHT = 1.5


def cut_line(pixels: NDArray[np.uint8], polygon: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return UINT8 [height, width, 3], the quadrilateral ``polygon`` FP32 [4, 2] of ``pixels`` as a rectangle.

    What is much taller than wide is turned by 90 degrees against the clock.
    """
    import cv2

    top_left, top_right, bottom_right, bottom_left = polygon
    width = int(max(np.linalg.norm(top_left - top_right), np.linalg.norm(bottom_right - bottom_left)))
    height = int(max(np.linalg.norm(top_left - bottom_left), np.linalg.norm(top_right - bottom_right)))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(polygon, target)
    line = cv2.warpPerspective(pixels, transform, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.ascontiguousarray(np.rot90(line) if height / width >= _UPRIGHT else line)
