"""Depth maps: the depth of each pixel of a picture, resampled from a model's map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from turnout_vision.maps.axis import Axis, Floats, cubic_axis, linear_axis
from turnout_vision.maps.map_frame import column_places, row_places
from turnout_vision.pictures.array_pixels import bands
from turnout_vision.preprocess.frame import Frame

Resampling = Literal["bicubic", "bilinear"]
_AXES: dict[Resampling, Callable[[Floats, int], Axis]] = {"bicubic": cubic_axis, "bilinear": linear_axis}


def resample_depth(depth: Floats, frame: Frame, height: int, width: int, resampling: Resampling) -> NDArray[np.float32]:
    """Return ``depth`` [h, w] of a model at the pixels of the picture, FP32 [height, width]; NaN where the model saw nothing.

    It is resampled in bands: beside the result it needs the memory of one band.
    """
    high, wide = depth.shape
    down, across = row_places(frame, height, high), column_places(frame, width, wide)
    make = _AXES[resampling]
    rows, columns = make(down.positions, high), make(across.positions, wide)
    result = np.empty((height, width), np.float32)
    for band in bands(height, width):
        part = rows.part(band)
        sources = part.sources()
        result[band] = part.within(sources).rows_of(columns.columns_of(depth[sources]))
    result[~down.seen] = np.nan
    result[:, ~across.seen] = np.nan
    return result


def metric_depth(inverse: NDArray[np.float32], view_degrees: float) -> NDArray[np.float32]:
    """Return the depth in meters of ``inverse``, DepthPro's canonical inverse depth, for a picture of this field of view.

    The formula and its limits are those of DepthPro's paper and of transformers; ``inverse`` is written to.
    """
    # The width of the picture over its focal length in pixels.
    inverse *= np.float32(2 * np.tan(np.deg2rad(view_degrees) / 2))
    np.clip(inverse, 1e-4, 1e4, out=inverse)
    return np.divide(np.float32(1), inverse, out=inverse)
