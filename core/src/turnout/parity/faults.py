"""Faults of an output: the check of its figures against its tolerance."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.parity.figures import Figures
from turnout.parity.tolerance import Tolerance

Array = NDArray[Any]


class Fault(StrEnum):
    """Why an output does not match."""

    MISSING = "missing"
    EXTRA = "extra"
    DATATYPE = "datatype"
    SHAPE = "shape"
    NON_FINITE = "non_finite"
    """NaN or infinity on one side only, or infinities of opposite signs."""
    VALUES = "values"
    """The differences exceed the tolerance in too many elements."""
    WHOLE = "whole"
    """The cosine, the IoU or the argmax agreement is below the tolerance."""


def find_fault(want: Array, got: Array, figures: Figures, tolerance: Tolerance) -> tuple[Fault | None, str]:
    """Return the fault of an output and its description; None and an empty text if it matches."""
    errors = figures.errors
    # First, because no tolerance allows NaN or infinity on one side only.
    if errors.non_finite:
        return (
            Fault.NON_FINITE,
            f"has {errors.non_finite} NaN or infinity on one side only{_describe_worst(want, got, errors.worst)}",
        )
    if tolerance.by_element and errors.mismatched > (tolerance.mismatched or 0.0) * want.size:
        apart = f"differs by more than {_describe_allowed(tolerance)} in {errors.mismatched} of {want.size} elements"
        return Fault.VALUES, f"{apart}{_describe_worst(want, got, errors.worst)}"
    return _find_disagreement(figures, tolerance)


def place_of(position: int, array: Array) -> tuple[int, ...]:
    """Return the index of a position in the flat array."""
    return tuple(int(index) for index in np.unravel_index(position, array.shape))


def _find_disagreement(figures: Figures, tolerance: Tolerance) -> tuple[Fault | None, str]:
    required = (
        ("a cosine", figures.errors.cosine, tolerance.cosine),
        ("an IoU", figures.iou, tolerance.iou),
        ("an argmax agreement", figures.argmax, tolerance.argmax),
    )
    for figure, found, least in required:
        if least is not None and (found is None or found < least):
            value = "no number" if found is None else f"{found:.6g}"
            return Fault.WHOLE, f"has {figure} of {value}; the tolerance requires {least:g} or more"
    return None, ""


def _describe_allowed(tolerance: Tolerance) -> str:
    if not tolerance.rtol and not tolerance.atol:
        return "nothing"
    return f"rtol {tolerance.rtol or 0.0:g}, atol {tolerance.atol or 0.0:g}"


def _describe_worst(want: Array, got: Array, position: int | None) -> str:
    if position is None:
        return ""
    place = place_of(position, want)
    return f"; the worst at {list(place)}: {_format(got[place])}, expected {_format(want[place])}"


def _format(value: Any) -> str:
    if isinstance(value, bytes):
        return repr(value[:40])
    return str(value) if value.dtype.kind in "iub" else f"{float(value):.6g}"
