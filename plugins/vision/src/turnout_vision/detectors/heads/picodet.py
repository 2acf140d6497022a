"""PicoDet: for each stride the scores of the classes, and the distances to the four sides as distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout_vision.detectors.detections import Detections, Numbers, best_class
from turnout_vision.detectors.heads.grids import cell_corners, count_cells
from turnout_vision.detectors.heads.head import Outputs, read_rows, refuse
from turnout_vision.preprocess.sizes import Size

_STRIDES = (8, 16, 32, 64)
# Four sides, each a distribution over eight bins.
_USUAL_COLUMNS = 32
_SCORES, _SIDES = "scores FP32 [1, cells, classes]", "distances FP32 [1, cells, 4 x bins]"


def read_picodet(outputs: Outputs, size: Size) -> Detections:
    """Return the detections of all strides; their outputs may have any order, which differs between servers."""
    scores, distances = _sort(outputs)
    parts = [_read_stride(*pair, size) for pair in zip(scores, distances, strict=True)]
    return best_class(np.concatenate([boxes for boxes, _ in parts]), np.concatenate([read for _, read in parts]))


def _sort(outputs: Outputs) -> tuple[Outputs, Outputs]:
    """Return scores and distances, each with the most cells first."""
    half = len(outputs) // 2
    if len(outputs) % 2 or not half:
        raise InferenceError(
            f"PicoDet has {_SCORES} and {_SIDES} for each stride, got {len(outputs)} outputs; write `outputs:`"
        )
    distances = [output for output in outputs if output.shape[-1:] == (_USUAL_COLUMNS,)]
    scores = [output for output in outputs if output.shape[-1:] != (_USUAL_COLUMNS,)]
    if len(distances) != half:
        # Other bins, or as many classes as columns: the scores are given first.
        scores, distances = list(outputs[:half]), list(outputs[half:])
    return sorted(scores, key=_count, reverse=True), sorted(distances, key=_count, reverse=True)


def _count(output: NDArray[Any]) -> int:
    return output.size


def _read_stride(scores: NDArray[Any], distances: NDArray[Any], size: Size) -> tuple[Numbers, Numbers]:
    read, bins = read_rows(scores, _SCORES), read_rows(distances, _SIDES)
    stride = next((stride for stride in _STRIDES if count_cells(size, (stride,)) == len(read)), None)
    if stride is None or not read.size:
        raise refuse(scores, f"{_SCORES}, with one cell for each stride of {_STRIDES} on an input of {size[0]} x {size[1]}")
    if len(bins) != len(read) or bins.shape[1] % 4 or not bins.size:
        raise refuse(distances, f"{_SIDES}, with the {len(read)} cells of its scores")
    exponents = np.exp((bins := bins.reshape(len(read), 4, -1)) - bins.max(axis=2, keepdims=True))
    shares = exponents / exponents.sum(axis=2, keepdims=True)
    sides = shares @ np.arange(bins.shape[2]) * stride
    centers = (cell_corners(size, stride) + 0.5) * stride
    return np.concatenate([centers - sides[:, :2], centers + sides[:, 2:]], axis=1), read
