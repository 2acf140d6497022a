"""The comparison of one output."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from turnout.metrics.labels import Verdict
from turnout.parity.faults import Fault

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class OutputParity:
    """The differences between two tensors of one name.

    Attributes:
        name: the output.
        fault: the reason for a mismatch; None for a match.
        text: the mismatch in one line; empty for a match.
        size: the number of compared elements.
        mismatched: the number of elements whose difference exceeds the tolerance.
        max_abs_error: the greatest difference; infinite if it has no number.
        max_rel_error: the greatest difference divided by the expected value, or by ``atol`` if that is larger.
        mean_abs_error: the mean difference.
        excess: the greatest ratio of difference to tolerance, above 1 for a mismatch.
        worst_index: the index of the greatest difference; None without a difference.
        cosine: the cosine of the angle between both tensors, of floating-point numbers.
        iou: the least intersection over union of all rows, of masks.
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
        """Return the verdict and all fields in JSON types; infinity and NaN are null."""
        return {"verdict": str(self.verdict), **json_fields(self)}


def incomparable(name: str, fault: Fault, text: str) -> OutputParity:
    """Return the comparison of an output that cannot be measured."""
    return OutputParity(name, fault, text, max_abs_error=math.inf, max_rel_error=math.inf, excess=math.inf)


def json_fields(figures: DataclassInstance) -> dict[str, Any]:
    """Return the fields of ``figures`` in JSON types; JSON has no infinity and no NaN, so they are null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(figures).items()
    }
