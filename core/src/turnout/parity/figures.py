"""Figures of an output: its element errors, and the agreements that its tolerance or its datatype gives a use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from turnout.parity.agreement import argmax_agreement, least_iou
from turnout.parity.element_errors import ElementErrors, measure_elements, measure_integers
from turnout.parity.floats import measure_floats
from turnout.parity.tolerance import DEFAULTS, Tolerance
from turnout.tensors import BYTES, as_bytes_elements

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Figures:
    """The measurements of one output; an agreement is None if it was not measured."""

    errors: ElementErrors
    iou: float | None
    argmax: float | None


def measure(want: Array, got: Array, datatype: str, tolerance: Tolerance) -> Figures:
    """Measure two tensors of one shape and datatype."""
    errors = _measure_elements(want, got, datatype, tolerance)
    if not tolerance.by_element:
        errors.mismatched = errors.non_finite
    return Figures(errors, _iou(want, got, datatype, tolerance), _argmax(want, got, datatype, tolerance))


def _measure_elements(want: Array, got: Array, datatype: str, tolerance: Tolerance) -> ElementErrors:
    rtol, atol = tolerance.rtol or 0.0, tolerance.atol or 0.0
    if datatype in DEFAULTS:
        return measure_floats(want, got, rtol, atol)
    if datatype == BYTES:
        return measure_elements(as_bytes_elements(want), as_bytes_elements(got))
    if datatype == "BOOL":
        return measure_elements(want, got)
    return measure_integers(want, got, rtol, atol)


def _iou(want: Array, got: Array, datatype: str, tolerance: Tolerance) -> float | None:
    # A BOOL tensor is a mask, so its IoU is shown without a tolerance for it too.
    requested = tolerance.iou is not None or tolerance.threshold is not None
    if datatype == BYTES or not (requested or datatype == "BOOL"):
        return None
    return least_iou(want, got, tolerance.threshold or 0.0)


def _argmax(want: Array, got: Array, datatype: str, tolerance: Tolerance) -> float | None:
    # A [batch, classes] tensor of floats is one of scores.
    scores = datatype in DEFAULTS and want.ndim == 2 and want.shape[1] > 1
    if datatype == BYTES or not (scores or tolerance.argmax is not None):
        return None
    return argmax_agreement(want, got)
