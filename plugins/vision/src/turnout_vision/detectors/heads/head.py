"""A head: how the outputs of one family of detectors are read, with the checks of their shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout.tensors import describe
from turnout_vision.detectors.detections import Detections, Numbers
from turnout_vision.preprocess.sizes import Size

Outputs = Sequence[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Head:
    """A family of detectors.

    Attributes:
        read: returns the detections in ``outputs``, with boxes in pixels of the model's input, whose height and width it gets.
        outputs: the usual names of the outputs that it reads, in its order; empty for all outputs of the model.
        iou_threshold: the usual threshold of suppression; None if the model finds each thing once.
    """

    read: Callable[[Outputs, Size], Detections]
    outputs: tuple[str, ...] = ()
    iou_threshold: float | None = None


def read_rows(output: NDArray[Any], wanted: str) -> Numbers:
    """Return ``output``, floats [1, rows, columns], without its batch axis. Raises as ``refuse``."""
    if output.ndim != 3 or output.shape[0] != 1 or not is_float(output):
        raise refuse(output, wanted)
    values: Numbers = output[0].astype(np.float64)
    return values


def read_planes(output: NDArray[Any], wanted: str) -> Numbers:
    """Return ``output``, floats [1, channels, height, width], without its batch axis. Raises as ``refuse``."""
    if output.ndim != 4 or output.shape[0] != 1 or not is_float(output):
        raise refuse(output, wanted)
    values: Numbers = output[0].astype(np.float64)
    return values


def is_float(output: NDArray[Any]) -> bool:
    """Return whether ``output`` has floats; bfloat16, a datatype of ml_dtypes, has the kind "V"."""
    return output.dtype.kind in "fV" and not output.dtype.names


def count_outputs(outputs: Outputs, count: int, wanted: str) -> None:
    """Raise InferenceError if there are not ``count`` outputs."""
    if len(outputs) != count:
        shown = ", ".join(describe(output) for output in outputs[:10]) or "none"
        raise InferenceError(f"the model has {len(outputs)} outputs ({shown}), and this head reads {wanted}; write `outputs:`")


def refuse(output: NDArray[Any], wanted: str) -> InferenceError:
    """Return the error about an ``output`` that this head cannot read."""
    return InferenceError(f"the model's output must be {wanted}, got {describe(output)}; choose another `head:` or `outputs:`")
