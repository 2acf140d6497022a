"""Result of comparing the arms of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from turnout.commands.verify.batching import BatchParity
from turnout.parity import ParitySummary, Verdict
from turnout.recording import RecordedRequest

RECORDED = "recorded"
"""The name in place of a backend, for the recorded answers."""


@dataclass(frozen=True, slots=True)
class ArmParity:
    """The parity of one arm with the reference.

    Attributes:
        backend: the arm, or ``recorded`` for the recorded answers.
        summary: the figures.
        worst: the request with the worst mismatch, with the reference's answer; None if every answer matched.
        answer: the arm's answer to ``worst``.
    """

    backend: str
    summary: ParitySummary
    worst: RecordedRequest | None
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """The parity of all arms of a model.

    Attributes:
        model: the model.
        reference: the backend that serves it; the others are compared with its answers.
        requests: the number of requests that each arm was sent.
        arms: the parity of each other arm.
        batching: the effect of batching on each arm, the reference included; empty for a model without a batch axis.
    """

    model: str
    reference: str
    requests: int
    arms: tuple[ArmParity, ...]
    batching: tuple[BatchParity, ...]

    @property
    def verdict(self) -> Verdict:
        """MATCH if every arm matches; ERROR if no other arm and no recorded answer was compared."""
        verdicts = {arm.summary.verdict for arm in self.arms} | {arm.verdict for arm in self.batching}
        if Verdict.MISMATCH in verdicts:
            return Verdict.MISMATCH
        return Verdict.MATCH if self.arms and verdicts == {Verdict.MATCH} else Verdict.ERROR

    def findings(self) -> list[str]:
        """Return the mismatches and errors, one sentence each."""
        found = [f"{arm.backend!r}: {arm.summary.text}" for arm in self.arms if arm.summary.text]
        if not self.arms:
            reason = f"model {self.model!r} has no other backend that can be used here, and no recorded answers"
            found = [f"nothing was compared: {reason}"]
        return [*found, *(arm.text for arm in self.batching if arm.text)]

    def as_json(self) -> dict[str, Any]:
        """Return everything but tensors in types of JSON."""
        return {
            "model": self.model,
            "reference": self.reference,
            "verdict": str(self.verdict),
            "requests": self.requests,
            "arms": [{"backend": arm.backend, **arm.summary.as_json()} for arm in self.arms],
            "batching": [{"backend": arm.backend, "verdict": str(arm.verdict), **asdict(arm)} for arm in self.batching],
        }
