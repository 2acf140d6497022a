"""Maps of a picture in the JSON of a result: a number for each of its pixels, such as a class or a depth."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import datatype_of
from turnout_web.pipelines.masks import data_url
from turnout_web.pipelines.png import gray_to_png

Sizes = frozenset[tuple[int, ...]]

# A pixel of 0 has no number.
_MOST_BYTE, _MOST_WORD = 255, 65_535


def picture_sizes(values: Mapping[str, Any]) -> Sizes:
    """Return height and width of the pictures among ``values``: arrays UINT8 [height, width, 3]."""
    return frozenset(value.shape[:2] for value in values.values() if _is_picture(value))


def is_map(value: object, sizes: Sizes) -> bool:
    """Return whether ``value`` is a map of a picture of one of ``sizes``: INT32 or FP32 [height, width]."""
    return isinstance(value, np.ndarray) and value.dtype in (np.int32, np.float32) and value.shape in sizes and value.size > 0


def map_alone(values: NDArray[Any]) -> dict[str, Any]:
    """Return datatype, shape, and the least and the greatest number; None if there is none."""
    known = values[np.isfinite(values)]
    least, most = (known.min().item(), known.max().item()) if known.size else (None, None)
    return {"datatype": datatype_of(values.dtype), "shape": list(values.shape), "least": least, "most": most}


def map_with_png(values: NDArray[Any]) -> dict[str, Any]:
    """Return the map as a ``data:`` URL of a gray PNG too, in which 0 is no number.

    A whole number n of 0 or more is the pixel n + 1, of 8 bits if all fit, else of 16; the map has no PNG if they do not fit
    either. A fraction is a pixel of 16 bits from 1 for the least to 65535 for the greatest.
    """
    record = map_alone(values)
    if record["most"] is None:
        return record
    if values.dtype == np.float32:
        return {**record, "png": data_url(gray_to_png(_scale(values, record["least"], record["most"])))}
    if record["most"] >= _MOST_WORD:
        return record
    pixels = np.maximum(values, -1) + 1
    return {**record, "png": data_url(gray_to_png(pixels.astype(np.uint8 if record["most"] < _MOST_BYTE else np.uint16)))}


def map_with_npy(values: NDArray[Any]) -> dict[str, Any]:
    """Return the map as a ``data:`` URL of a ``.npy`` file too: its numbers, bit for bit."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(values), allow_pickle=False)
    content = base64.b64encode(file.getbuffer()).decode("ascii")
    return {**map_alone(values), "npy": f"data:application/x-npy;base64,{content}"}


def _scale(values: NDArray[np.float32], least: float, most: float) -> NDArray[np.uint16]:
    known = np.isfinite(values)
    # In FP64: the difference of two large numbers of FP32 may be infinite.
    levels = (np.where(known, values, least).astype(np.float64) - least) / ((most - least) or 1)
    pixels: NDArray[np.uint16] = ((np.rint(levels * (_MOST_WORD - 1)) + 1) * known).astype(np.uint16)
    return pixels


def _is_picture(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3


MAP_FORMS: Mapping[str, Callable[[NDArray[Any]], dict[str, Any]]] = {
    "png": map_with_png,
    "npy": map_with_npy,
    "none": map_alone,
}
