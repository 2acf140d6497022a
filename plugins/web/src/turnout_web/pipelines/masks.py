"""Masks in the JSON of a result."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout_web.pipelines.png import mask_to_png

Mask = NDArray[np.bool_]


def is_mask(value: object) -> bool:
    """Return whether ``value`` is a mask: an array BOOL [height, width] with pixels."""
    return isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.ndim == 2 and value.size > 0


def mask_with_png(mask: Mask) -> dict[str, Any]:
    """Return the mask as a ``data:`` URL of a PNG with one bit a pixel."""
    return {**mask_alone(mask), "png": data_url(mask_to_png(mask))}


def mask_with_run_lengths(mask: Mask) -> dict[str, Any]:
    """Return the mask as COCO's uncompressed run lengths: column by column, beginning with the count of False."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    return {**mask_alone(mask), "rle": {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}}


def mask_alone(mask: Mask) -> dict[str, Any]:
    """Return the size of the mask as [height, width], its area in pixels, and the box around it; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1] if rows.size else None
    return {"size": list(mask.shape), "area": int(np.count_nonzero(mask)), "box": box}


def data_url(png: bytes) -> str:
    """Return a PNG as a ``data:`` URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


MASK_FORMS: Mapping[str, Callable[[Mask], dict[str, Any]]] = {
    "png": mask_with_png,
    "rle": mask_with_run_lengths,
    "none": mask_alone,
}
