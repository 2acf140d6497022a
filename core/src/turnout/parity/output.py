"""What was found of one output."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from turnout.metrics.labels import Verdict


class Fault(StrEnum):
    """Why an output does not match."""

    MISSING = "missing"
    EXTRA = "extra"
    DATATYPE = "datatype"
    SHAPE = "shape"
    NON_FINITE = "non_finite"
    """NaN or infinity on one side only, or infinities of opposite signs."""
    VALUES = "values"
    """Elements are further apart than the tolerance allows."""
    WHOLE = "whole"
    """The cosine, the IoU or the argmax is below what the tolerance asks for."""


@dataclass(frozen=True, slots=True)
class OutputParity:
    """How far two tensors of one name are apart.

    Attributes:
        name: the output.
        fault: why it does not match; None if it does.
        text: what is wrong, in one line; empty if nothing is.
        size: how many elements were compared.
        mismatched: how many are further apart than the tolerance allows.
        max_abs_error: the greatest difference; infinite where there is no number to give.
        max_rel_error: the greatest difference over the expected value; one nearer to 0 than ``atol`` counts as ``atol``.
        mean_abs_error: the mean difference.
        excess: the greatest difference over what is allowed, above 1 for a mismatch: how bad it is, whatever the units.
        worst_index: where the greatest difference is; None without a difference.
        cosine: of the angle between both tensors, of floating point numbers.
        iou: the least of all rows, of masks.
        argmax_agreement: the share of equal positions of the largest value along the last axis.
    """

    name: str
    fault: Fault | None = None
    text: str = ""
    size: int = 0
    mismatched: int = 0
    max_abs_error: float = 0.0
    max_rel_error: float = 0.0
    mean_abs_error: float = 0.0
    excess: float = 0.0
    worst_index: tuple[int, ...] | None = None
    cosine: float | None = None
    iou: float | None = None
    argmax_agreement: float | None = None

    @property
    def verdict(self) -> Verdict:
        """MATCH or MISMATCH."""
        return Verdict.MATCH if self.fault is None else Verdict.MISMATCH

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON; what is infinite or no number is null."""
        values = {name: _finite(value) for name, value in asdict(self).items()}
        return {"verdict": str(self.verdict)} | values


def incomparable(name: str, fault: Fault, text: str) -> OutputParity:
    """Return what is found of an output with nothing to measure."""
    return OutputParity(name, fault, text, max_abs_error=math.inf, max_rel_error=math.inf, excess=math.inf)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
