"""Holding the figures of an output against its tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.parity.figures import Figures
from turnout.parity.output import Fault
from turnout.parity.tolerance import Tolerance

Array = NDArray[Any]


def judge(want: Array, got: Array, figures: Figures, tolerance: Tolerance) -> tuple[Fault | None, str]:
    """Return what is wrong with an output, if anything, and say so."""
    measures = figures.measures
    if measures.non_finite:
        return (
            Fault.NON_FINITE,
            f"has {measures.non_finite} NaN or infinity on one side only{_worst(want, got, measures.worst)}",
        )
    if tolerance.by_element and measures.mismatched > (tolerance.mismatched or 0.0) * want.size:
        apart = f"differs by more than {_allowed(tolerance)} in {measures.mismatched} of {want.size} elements"
        return Fault.VALUES, f"{apart}{_worst(want, got, measures.worst)}"
    return _judge_whole(figures, tolerance)


def place_of(position: int, array: Array) -> tuple[int, ...]:
    """Return the index of a position in the flat array."""
    return tuple(int(index) for index in np.unravel_index(position, array.shape))


def _judge_whole(figures: Figures, tolerance: Tolerance) -> tuple[Fault | None, str]:
    asked = (
        ("cosine", figures.measures.cosine, tolerance.cosine),
        ("IoU", figures.iou, tolerance.iou),
        ("argmax agreement", figures.argmax, tolerance.argmax),
    )
    for figure, found, least in asked:
        if least is not None and (found is None or found < least):
            value = "no number" if found is None else f"{found:.6g}"
            return Fault.WHOLE, f"has a {figure} of {value}; the tolerance asks for {least:g} or more"
    return None, ""


def _allowed(tolerance: Tolerance) -> str:
    if not tolerance.rtol and not tolerance.atol:
        return "nothing"
    return f"rtol {tolerance.rtol or 0.0:g}, atol {tolerance.atol or 0.0:g}"


def _worst(want: Array, got: Array, position: int | None) -> str:
    if position is None:
        return ""
    place = place_of(position, want)
    return f"; the worst at {list(place)}: {_shown(got[place])}, expected {_shown(want[place])}"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return repr(value[:40])
    return str(value) if value.dtype.kind in "iub" else f"{float(value):.6g}"
