"""How far two answers may be apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What must hold for one output. What is None is not asked for; see ``Tolerances.of`` for what is asked of nobody.

    Attributes:
        rtol: an element may differ by ``atol + rtol * |expected|``.
        atol: see ``rtol``.
        mismatched: the share of elements that may differ by more than that, 0 to 1.
        cosine: the least cosine of the angle between both tensors, as vectors.
        iou: the least intersection over union of any row's masks: where a value is above ``threshold``.
        threshold: what makes a value belong to the mask; 0 for logits, 0.5 for probabilities.
        argmax: the least share of equal positions of the largest value along the last axis, 0 to 1.
    """

    rtol: float | None = None
    atol: float | None = None
    mismatched: float | None = None
    cosine: float | None = None
    iou: float | None = None
    threshold: float | None = None
    argmax: float | None = None

    def or_else(self, other: Tolerance) -> Tolerance:
        """Return this tolerance, with what it does not say taken from ``other``."""
        missing = {name: value for name, value in other.written().items() if getattr(self, name) is None}
        return replace(self, **missing)

    def written(self) -> dict[str, float]:
        """Return what this tolerance says."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def by_element(self) -> bool:
        """Whether elements are held against ``rtol`` and ``atol``."""
        return self.rtol is not None


EXACT = Tolerance(rtol=0.0, atol=0.0)

DEFAULTS: Mapping[str, Tolerance] = MappingProxyType(
    {
        # Another order of the same sums: a few hundred units in the last place, and more next to zero. A wrong weight,
        # layout or normalisation is off by a per cent and more.
        "FP64": Tolerance(rtol=1e-6, atol=1e-8),
        "FP32": Tolerance(rtol=1e-3, atol=1e-4),
        # One unit in the last place is 1e-3 of a value in FP16 and 8e-3 in BF16; a layer or two add up to a few units.
        "FP16": Tolerance(rtol=1e-2, atol=1e-3),
        "BF16": Tolerance(rtol=4e-2, atol=1e-2),
    }
)
"""The tolerance of each datatype; every other datatype (integers are tokens or classes, BOOL, BYTES) is exact."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The tolerance of every output of a model: what is said of the output, of all, of its datatype, in this order."""

    overall: Tolerance = Tolerance()
    outputs: Mapping[str, Tolerance] = field(default_factory=dict)

    def of(self, output: str, datatype: str) -> Tolerance:
        """Return what must hold for ``output``.

        A tolerance that asks for a cosine, an IoU or an argmax and names neither ``rtol``, ``atol`` nor ``mismatched`` asks
        for that alone; else elements are held against what is written and, for the rest, against the datatype's default.
        What a datatype has no figure of is not asked of it: the cosine of tokens, anything but equality of BYTES.
        """
        said = _fitting(self.outputs.get(output, Tolerance()).or_else(self.overall), datatype)
        whole = said.cosine is not None or said.iou is not None or said.argmax is not None
        if whole and said.rtol is None and said.atol is None and said.mismatched is None:
            return said
        return said.or_else(DEFAULTS.get(datatype, EXACT))


def _fitting(tolerance: Tolerance, datatype: str) -> Tolerance:
    if datatype in DEFAULTS:
        return tolerance
    if datatype in ("BYTES", "BOOL"):
        iou = tolerance.iou if datatype == "BOOL" else None
        return Tolerance(mismatched=tolerance.mismatched, iou=iou)
    return replace(tolerance, cosine=None)
