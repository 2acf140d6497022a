"""The summary of many comparisons."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from turnout.metrics.labels import Verdict
from turnout.parity.comparison import Parity
from turnout.parity.output import OutputParity, json_fields


@dataclass(slots=True)
class OutputSummary:
    """One output over many comparisons: the greatest errors, the least agreements, the mean of means."""

    compared: int = 0
    mismatches: int = 0
    size: int = 0
    mismatched: int = 0
    max_abs_error: float = 0.0
    max_rel_error: float = 0.0
    mean_abs_error: float = 0.0
    cosine: float | None = None
    iou: float | None = None
    argmax_agreement: float | None = None

    def add(self, output: OutputParity) -> None:
        """Add a comparison."""
        self.compared += 1
        self.mismatches += output.fault is not None
        self.mismatched += output.mismatched
        self.max_abs_error = max(self.max_abs_error, output.max_abs_error)
        self.max_rel_error = max(self.max_rel_error, output.max_rel_error)
        self.cosine = _least(self.cosine, output.cosine)
        self.iou = _least(self.iou, output.iou)
        size = self.size + output.size
        if output.size:
            self.mean_abs_error += (output.mean_abs_error - self.mean_abs_error) * (output.size / size)
            self.argmax_agreement = _mean(self.argmax_agreement, output.argmax_agreement, output.size / size)
        self.size = size

    def as_json(self) -> dict[str, Any]:
        """Return the verdict and all fields in JSON types; infinity and NaN are null."""
        verdict = Verdict.MISMATCH if self.mismatches else Verdict.MATCH
        return {"verdict": str(verdict), **json_fields(self)}


@dataclass(slots=True)
class ParitySummary:
    """Many comparisons of the same two arms.

    Attributes:
        counts: the number of comparisons by verdict.
        outputs: the summary of each output.
        text: the worst mismatch or error in one line; empty without one.
        excess: the excess of the worst; -1 before the first comparison.
    """

    counts: Counter[Verdict] = field(default_factory=Counter)
    outputs: dict[str, OutputSummary] = field(default_factory=dict)
    text: str = ""
    excess: float = -1.0

    def add(self, parity: Parity) -> bool:
        """Add a comparison; return whether it is the worst so far. The first one always is."""
        self.counts[parity.verdict] += 1
        for name, output in parity.outputs.items():
            self.outputs.setdefault(name, OutputSummary()).add(output)
        badness = math.inf if parity.verdict is Verdict.ERROR else parity.excess
        if badness <= self.excess:
            return False
        self.excess, self.text = badness, parity.text
        return True

    @property
    def verdict(self) -> Verdict:
        """MATCH if all match, MISMATCH if any differs, else ERROR; also ERROR without a comparison."""
        if self.counts[Verdict.MISMATCH]:
            return Verdict.MISMATCH
        return Verdict.MATCH if set(self.counts) == {Verdict.MATCH} else Verdict.ERROR

    def as_json(self) -> dict[str, Any]:
        """Return all fields in JSON types."""
        return {
            "verdict": str(self.verdict),
            "counts": {str(verdict): count for verdict, count in self.counts.items()},
            "outputs": {name: output.as_json() for name, output in self.outputs.items()},
            "worst": self.text,
        }


def _least(known: float | None, found: float | None) -> float | None:
    return found if known is None else known if found is None else min(known, found)


def _mean(known: float | None, found: float | None, weight: float) -> float | None:
    return found if known is None else known if found is None else known + (found - known) * weight
