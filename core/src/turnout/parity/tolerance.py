"""Tolerances: the allowed differences between two answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The limits for one output. None means no limit of this kind; ``Tolerances.of`` adds the defaults.

    Attributes:
        rtol: an element may differ by ``atol + rtol * |expected|``.
        atol: see ``rtol``.
        mismatched: the share of elements that may differ by more, 0 to 1.
        cosine: the least cosine of the angle between both tensors, as vectors.
        iou: the least intersection over union of the masks of any row; a mask is true above ``threshold``.
        threshold: the limit of a mask: 0 for logits, 0.5 for probabilities.
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
        """Return this tolerance, with missing limits from ``other``."""
        missing = {name: value for name, value in other.limits().items() if getattr(self, name) is None}
        return replace(self, **missing)

    def limits(self) -> dict[str, float]:
        """Return the limits that are set."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def by_element(self) -> bool:
        """True if each element is compared with ``rtol`` and ``atol``."""
        return self.rtol is not None


EXACT = Tolerance(rtol=0.0, atol=0.0)

DEFAULTS: Mapping[str, Tolerance] = MappingProxyType(
    {
        # Another order of the same sums: a few hundred units in the last place, and more next to zero. A wrong weight,
        # layout or normalization is off by a per cent and more.
        "FP64": Tolerance(rtol=1e-6, atol=1e-8),
        "FP32": Tolerance(rtol=1e-3, atol=1e-4),
        # One unit in the last place is 1e-3 of a value in FP16 and 8e-3 in BF16; a layer or two add up to a few units.
        "FP16": Tolerance(rtol=1e-2, atol=1e-3),
        "BF16": Tolerance(rtol=4e-2, atol=1e-2),
    }
)
"""The default of each datatype. All others are exact: integers are tokens or classes, and so are BOOL and BYTES."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The tolerance of every output of a model: the limits of the output, then of all outputs, then of its datatype."""

    overall: Tolerance = Tolerance()
    outputs: Mapping[str, Tolerance] = field(default_factory=dict)

    def of(self, output: str, datatype: str) -> Tolerance:
        """Return the limits for ``output``.

        A tolerance with a cosine, an IoU or an argmax, and without ``rtol``, ``atol`` and ``mismatched``, has no limit for
        elements. Else the datatype's default completes it. A limit that a datatype does not support is ignored: the cosine of
        tokens, all but equality for BYTES.
        """
        limits = _supported_limits(self.outputs.get(output, Tolerance()).or_else(self.overall), datatype)
        whole = limits.cosine is not None or limits.iou is not None or limits.argmax is not None
        if whole and limits.rtol is None and limits.atol is None and limits.mismatched is None:
            return limits
        return limits.or_else(DEFAULTS.get(datatype, EXACT))


def _supported_limits(tolerance: Tolerance, datatype: str) -> Tolerance:
    if datatype in DEFAULTS:
        return tolerance
    if datatype in ("BYTES", "BOOL"):
        iou = tolerance.iou if datatype == "BOOL" else None
        return Tolerance(mismatched=tolerance.mismatched, iou=iou)
    return replace(tolerance, cosine=None)
