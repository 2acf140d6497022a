"""The proof of a written file against the backend of its source: sizes that its exporter did not see, requests, batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnout.commands.adopt.sizes import Sizes, has_batch_axis, size_ladder, written
from turnout.commands.batch_rows import split_rows
from turnout.commands.synthetic_inputs import choose_sizes, generate_inputs
from turnout.commands.verify.batching import compare_batching
from turnout.errors import ExportError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.parity import ParitySummary, Verdict, compare
from turnout.settings import LoadedModel

logger = logging.getLogger(__name__)

BUDGET_SECONDS = 60.0
_SECONDS = 300.0
_GENERATED = 3
_ROWS = 3
Inputs = Mapping[str, Any]


@dataclass(slots=True)
class SizeProof:
    """The sizes of a model's free axes that were proved.

    Attributes:
        proved: sizes for which both arms gave the same answer.
        refused: sizes that the model itself refuses on its source's backend, with the reason of the first.
        untried: sizes that take too long.
    """

    proved: list[Sizes] = field(default_factory=list)
    refused: list[Sizes] = field(default_factory=list)
    untried: list[Sizes] = field(default_factory=list)
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the sizes in types of JSON."""
        parts = {"proved": self.proved, "refused": self.refused, "untried": self.untried}
        return {key: [{name: list(one) for name, one in sizes.items()} for sizes in part] for key, part in parts.items()} | {
            "reason": self.reason
        }


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one file: what was sent, and the greatest difference of each output."""

    backend: str
    reference: str
    requests: int
    real: int
    sizes: SizeProof
    batches: tuple[int, ...]
    max_abs_error: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the proof in types of JSON."""
        figures = {"requests": self.requests, "from_pipeline": self.real, "batches": list(self.batches)}
        errors = {"max_abs_error": dict(self.max_abs_error)}
        return {"backend": self.backend, "reference": self.reference, **figures, "sizes": self.sizes.as_json(), **errors}


class Prover:
    """Compares two open arms of a model, of which the first is the reference. Not thread-safe."""

    def __init__(self, model: LoadedModel, arms: Mapping[str, ModelInference], budget_seconds: float = BUDGET_SECONDS) -> None:
        (self._reference_name, self._reference), (self._name, self._arm) = arms.items()
        self._model = model
        self._tolerances = model.settings.tolerances()
        self._summary = ParitySummary()
        self._sent = 0
        self._until = time.monotonic() + budget_seconds

    def prove(self, real: Sequence[Inputs]) -> Proof:
        """Send ``real`` requests, generated ones, all sizes that the time allows, and batches, to both arms; blocks.

        Raises:
            ExportError: an answer differs, or rows of a batch depend on each other.
        """
        logger.info("proving model %r on %s", self._model.name, self._name)
        for inputs in real:
            self._compare(inputs, "a request of the pipeline")
        signature = self._reference.signature()
        rows = 1 if self._model.settings.max_batch_size else 0
        first = list(self._generated(signature, rows))
        if real and _send(self._reference, first[0]).error is not None:
            # Such as one whose prompts need tokens for the picture; its exporter makes rows of its own, and compares them.
            logger.info("model %r refuses generated requests; those of its pipeline prove it", self._model.name)
            first = []
        for inputs in first:
            self._compare(inputs, "a generated request")
        sizes = self._compare_sizes(signature, rows)
        batches = self._compare_batches([*real[:1], *first] if real and first else first)
        errors = {name: output.max_abs_error for name, output in self._summary.outputs.items()}
        return Proof(self._name, self._reference_name, self._sent, len(real), sizes, batches, errors)

    def _generated(self, signature: Any, rows: int) -> Iterable[Inputs]:
        chosen = choose_sizes(signature, rows, {})
        return generate_inputs(self._model.name, signature, _GENERATED, rows, chosen)

    def _compare_sizes(self, signature: Any, rows: int) -> SizeProof:
        proof, last, pace = SizeProof(), 0.0, 0.0
        for sizes in size_ladder(signature, rows or int(has_batch_axis(signature))):
            elements = float(sum(_product(one) for one in sizes.values()))
            if proof.untried or time.monotonic() + pace * elements > self._until:
                proof.untried.append(sizes)
                continue
            inputs = next(iter(generate_inputs(self._model.name, signature, 1, rows, sizes, seed=1)))
            started = time.monotonic()
            expected = _send(self._reference, inputs)
            if expected.error is not None:
                proof.refused.append(sizes)
                proof.reason = proof.reason or str(expected.error)
                continue
            self._judge(inputs, expected, f"a request of {written(sizes)}")
            proof.proved.append(sizes)
            last = time.monotonic() - started
            pace = max(pace, last / elements)
        return proof

    def _compare(self, inputs: Inputs, what: str) -> None:
        expected = _send(self._reference, inputs)
        if expected.error is not None:
            raise ExportError(f"model {self._model.name!r} on {self._reference_name!r} fails on {what}: {expected.error}")
        self._judge(inputs, expected, what)

    def _judge(self, inputs: Inputs, expected: InferenceResponse, what: str) -> None:
        self._sent += 1
        parity = compare(expected, _send(self._arm, inputs), self._tolerances)
        self._summary.add(parity)
        if parity.verdict is not Verdict.MATCH:
            raise ExportError(
                f"model {self._model.name!r} was written, but on {self._name!r} it answers {what} in another way than on "
                f"{self._reference_name!r}: {parity.text}; declare other 'inputs', or keep it on {self._reference_name!r}"
            )

    def _compare_batches(self, requests: Sequence[Inputs]) -> tuple[int, ...]:
        largest = self._model.settings.max_batch_size
        rows = split_rows(requests, _ROWS) if largest > 1 else []
        if not rows:
            return ()
        left = max(5.0, self._until - time.monotonic())
        [parity] = compare_batching(
            {self._name: lambda row: _send(self._arm, row)}, rows, self._tolerances, largest=largest, budget_seconds=left / 2
        )
        if parity.verdict is not Verdict.MATCH:
            raise ExportError(f"model {self._model.name!r}: {parity.text}")
        return parity.sizes


def _send(arm: ModelInference, inputs: Inputs) -> InferenceResponse:
    try:
        return arm.infer(InferenceRequest(inputs, time.monotonic() + _SECONDS))
    except TurnoutError as error:
        return InferenceResponse({}, error=error)


def _product(sizes: Sequence[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
