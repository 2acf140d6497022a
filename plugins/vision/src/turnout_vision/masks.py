"""From a map of logits to a mask of the picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout.tensors import describe
from turnout_vision.regions import Region


def mask_of(logits: NDArray[Any], region: Region, height: int, width: int, *, threshold: float) -> NDArray[np.bool_]:
    """Return the mask, BOOL [height, width] of the picture, that ``logits`` of ``region`` stand for.

    ``logits`` are floats [1, 1, h, w] or [1, h, w] of any h and w; a pixel is in the mask from probability ``threshold`` on.

    Raises:
        InferenceError: ``logits`` are no such map.
    """
    fitted = _resized(_checked(logits), region.bottom - region.top, region.right - region.left)
    mask = np.zeros((height, width), np.bool_)
    mask[region.top : region.bottom, region.left : region.right] = fitted >= math.log(threshold / (1 - threshold))
    return mask


def _checked(logits: NDArray[Any]) -> NDArray[np.float32]:
    planes = logits.shape[:-2]
    if len(planes) not in (1, 2) or math.prod(planes) != 1 or logits.size == 0 or logits.dtype.kind not in "fV":
        raise InferenceError(f"the model's map must be FP32 [1, 1, height, width], got {describe(logits)}; is it a segmenter?")
    plane: NDArray[np.float32] = logits.reshape(logits.shape[-2:]).astype(np.float32)
    if np.isnan(plane).any():
        raise InferenceError(f"the model's map {describe(logits)} holds NaN; check its precision and its input")
    return np.clip(plane, -1e4, 1e4)


def _resized(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    if plane.shape == (height, width):
        return plane
    from PIL import Image

    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))
