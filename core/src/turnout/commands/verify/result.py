"""What was found of a model whose arms were compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from turnout.commands.verify.batching import BatchParity
from turnout.parity import ParitySummary, Verdict
from turnout.recording import RecordedRequest

RECORDED = "recorded"
"""What stands in the place of a backend for the answers that were recorded."""


@dataclass(frozen=True, slots=True)
class ArmParity:
    """What was found of one arm against the reference.

    Attributes:
        backend: the arm, or ``recorded`` for the recorded answers.
        summary: the figures.
        worst: the request on which it was the worst, with the reference's answer; None if all matched.
        answer: the arm's answer to that.
    """

    backend: str
    summary: ParitySummary
    worst: RecordedRequest | None
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of a model.

    Attributes:
        model: the model.
        reference: the backend that serves it, which the others are compared with.
        requests: how many requests were sent to each arm.
        arms: what was found of each.
        batching: what batching does to each arm, the reference included; empty for a model without a batch axis.
    """

    model: str
    reference: str
    requests: int
    arms: tuple[ArmParity, ...]
    batching: tuple[BatchParity, ...]

    @property
    def verdict(self) -> Verdict:
        """MATCH if all do; ERROR if nothing was compared."""
        verdicts = {arm.summary.verdict for arm in self.arms} | {arm.verdict for arm in self.batching}
        if Verdict.MISMATCH in verdicts:
            return Verdict.MISMATCH
        return Verdict.MATCH if verdicts == {Verdict.MATCH} else Verdict.ERROR

    def findings(self) -> list[str]:
        """Return what is wrong, in sentences."""
        if not self.arms and not self.batching:
            return [f"nothing was compared: model {self.model!r} has no other backend and no recorded answers"]
        worst = [f"{arm.backend!r}: {arm.summary.text}" for arm in self.arms if arm.summary.text]
        return worst + [arm.text for arm in self.batching if arm.text]

    def as_json(self) -> dict[str, Any]:
        """Return everything but tensors in types of JSON."""
        return {
            "model": self.model,
            "reference": self.reference,
            "verdict": str(self.verdict),
            "requests": self.requests,
            "arms": [{"backend": arm.backend, **arm.summary.as_json()} for arm in self.arms],
            "batching": [
                {
                    "backend": arm.backend,
                    "verdict": str(arm.verdict),
                    "rows": arm.rows,
                    "changed": list(arm.changed),
                    "different_alone": list(arm.different),
                    "unsteady": list(arm.unsteady),
                    "text": arm.text,
                }
                for arm in self.batching
            ],
        }
