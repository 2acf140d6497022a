"""Masks of a picture: their computation from a segmenter's logits, their bounding box."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout.tensors import describe
from turnout_vision.pictures.array_pixels import bands
from turnout_vision.regions.region import Region


def paste_mask(logits: NDArray[Any], region: Region, height: int, width: int, *, threshold: float) -> NDArray[np.bool_]:
    """Return the mask of the whole picture, BOOL [height, width], that is ``logits`` at ``region`` and False elsewhere.

    ``logits`` are floats [1, 1, h, w] or [1, h, w] of any h and w, resized to the region. A pixel with a probability of
    ``threshold`` or more is in the mask.

    Raises:
        InferenceError: ``logits`` have another shape or datatype, or contain NaN.
    """
    plane = _read_plane(logits)
    mask = np.zeros((height, width), np.bool_)
    part = mask[region.top : region.bottom, region.left : region.right]
    # The logit of the threshold is compared, so that no sigmoid of the whole plane is computed.
    least = math.log(threshold / (1 - threshold))
    for rows, values in _resize(plane, *part.shape):
        np.greater_equal(values, least, out=part[rows])
    return mask


def bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom of the smallest box around ``mask``, BOOL [height, width]; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _read_plane(logits: NDArray[Any]) -> NDArray[np.float32]:
    planes = logits.shape[:-2]
    # bfloat16, a datatype of ml_dtypes, has the kind "V".
    if len(planes) not in (1, 2) or math.prod(planes) != 1 or logits.size == 0 or logits.dtype.kind not in "fV":
        raise InferenceError(f"the model's map must be FP32 [1, 1, height, width], got {describe(logits)}; is it a segmenter?")
    plane: NDArray[np.float32] = logits.reshape(logits.shape[-2:]).astype(np.float32)
    if np.isnan(plane).any():
        raise InferenceError(f"the model's map {describe(logits)} contains NaN; check the model's precision and its input")
    # Between inf and -inf the resize would compute NaN.
    return np.clip(plane, -1e4, 1e4)


def _resize(plane: NDArray[np.float32], height: int, width: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the rows of the resized ``plane`` in bands, with their place."""
    if plane.shape == (height, width):
        yield slice(0, height), plane
        return
    from PIL import Image

    resized = Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    for rows in bands(height, width):
        yield rows, np.asarray(resized.crop((0, rows.start, width, rows.stop)))
