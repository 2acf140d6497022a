"""CenterFace: a map of face centers, with maps of their sizes and offsets."""

from __future__ import annotations

import numpy as np

from turnout.errors import InferenceError
from turnout_vision.detectors.detections import Detections
from turnout_vision.detectors.heads.head import Outputs, read_planes, refuse
from turnout_vision.preprocess.sizes import Size

_STRIDE = 4
_LARGEST_EXPONENT = 20.0
_CENTERS, _PAIRS = "FP32 [1, 1, height / 4, width / 4]", "FP32 [1, 2, height / 4, width / 4]"


def read_centerface(outputs: Outputs, size: Size) -> Detections:
    """Return one detection a cell: centers, logarithms of height and width, offsets of y and x; landmarks are not read."""
    if len(outputs) < 3:
        raise InferenceError(
            f"CenterFace has centers {_CENTERS}, sizes and offsets {_PAIRS}, got {len(outputs)} outputs; write `outputs:`"
        )
    centers, sizes, offsets = (read_planes(output, _PAIRS) for output in outputs[:3])
    shape = (size[0] // _STRIDE, size[1] // _STRIDE)
    for planes, count, output, wanted in (
        (centers, 1, outputs[0], _CENTERS),
        (sizes, 2, outputs[1], _PAIRS),
        (offsets, 2, outputs[2], _PAIRS),
    ):
        if planes.shape != (count, *shape):
            raise refuse(output, f"{wanted} for an input of {size[0]} x {size[1]}")
    rows, columns = np.indices(shape, np.float64)
    middle = np.stack([columns + offsets[1] + 0.5, rows + offsets[0] + 0.5]).reshape(2, -1).T * _STRIDE
    half = np.exp(np.minimum(sizes[::-1], _LARGEST_EXPONENT)).reshape(2, -1).T * _STRIDE / 2
    scores = centers.ravel()
    return Detections(np.concatenate([middle - half, middle + half], axis=1), scores, np.zeros(len(scores), np.int64), 1)
