"""Comparing the arms of a model on the same requests, before one of them serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from turnout.app import Turnout
from turnout.batch_parity import BatchParity, compare_batching, take_rows
from turnout.errors import BackendUnavailableError, ClosedError, ModelLoadError, PluginError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.parity import ParitySummary, Tolerances, Verdict, compare
from turnout.recording import Record

RECORDED = "recorded"
"""What stands in the place of a backend for the answers that were recorded."""

_NO_ANSWER_TO_COMPARE = (BackendUnavailableError, ModelLoadError, PluginError, ClosedError)


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
    worst: Record | None
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
        """MATCH if all do."""
        verdicts = {arm.summary.verdict for arm in self.arms} | {arm.verdict for arm in self.batching}
        if Verdict.MISMATCH in verdicts:
            return Verdict.MISMATCH
        return Verdict.ERROR if Verdict.ERROR in verdicts or not self.requests else Verdict.MATCH

    def findings(self) -> list[str]:
        """Return what is wrong, in sentences."""
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


class _Comparison:
    """One arm against the reference, request by request."""

    def __init__(self, backend: str, tolerances: Tolerances) -> None:
        self.backend = backend
        self._tolerances = tolerances
        self._summary = ParitySummary()
        self._worst: Record | None = None
        self._answer: Mapping[str, Any] = {}

    def add(self, record: Record, expected: InferenceResponse, actual: InferenceResponse) -> None:
        parity = compare(expected, actual, self._tolerances)
        if self._summary.add(parity) and parity.verdict is not Verdict.MATCH:
            self._worst, self._answer = replace(record, outputs=dict(expected.outputs)), dict(actual.outputs)

    def result(self) -> ArmParity:
        return ArmParity(self.backend, self._summary, self._worst, self._answer)


def verify_model(
    app: Turnout,
    model: str,
    against: Sequence[str],
    records: Iterable[Record],
    *,
    tolerances: Tolerances,
    batch: int = 0,
    timeout_seconds: float = 60.0,
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Send ``records`` to the arm that serves ``model`` and to those of ``against``, and compare; blocks.

    The arms are opened for it and closed at the end. Answers that were recorded are compared with the serving arm's too. With
    ``batch`` above 1 so many rows are sent to each arm alone and together. ``progress`` hears how many requests were sent.

    Raises:
        BackendUnavailableError: an arm cannot be reached.
        ModelLoadError: an arm cannot be opened.
        UnknownNameError: there is no such model, or no such backend of it.
        InvalidInputError: a record is torn.
    """
    reference = app.model(model).backend
    with ExitStack() as stack:
        asks: dict[str, _Ask] = {}
        for backend in dict.fromkeys((reference, *against)):
            arm = app.arm(model, backend)
            stack.callback(arm.close)
            asks[backend] = partial(_ask, arm, timeout_seconds)
        comparisons, first, sent = _compare_all(asks, records, tolerances, batch, progress)
        rows = take_rows((record.inputs for record in first), batch) if batch > 1 else []
        batching = compare_batching({name: _of_rows(ask) for name, ask in asks.items()}, rows, tolerances) if rows else []
    return Verification(model, reference, sent, tuple(one.result() for one in comparisons), tuple(batching))


_Ask = Callable[[Record], InferenceResponse]


def _compare_all(
    asks: Mapping[str, _Ask], records: Iterable[Record], tolerances: Tolerances, batch: int, progress: Callable[[int], None]
) -> tuple[list[_Comparison], list[Record], int]:
    """Return the comparisons, as many requests as batching needs rows, and how many requests there were."""
    reference, *others = asks
    comparisons = {backend: _Comparison(backend, tolerances) for backend in others}
    recorded = _Comparison(RECORDED, tolerances)
    first: list[Record] = []
    seen = has_recorded = 0
    for seen, record in enumerate(records, start=1):
        expected = asks[reference](record)
        for backend, comparison in comparisons.items():
            comparison.add(record, expected, asks[backend](record))
        if record.outputs:
            has_recorded = 1
            recorded.add(record, InferenceResponse(record.outputs), expected)
        if len(first) < batch:
            first.append(record)
        progress(seen)
    return list(chain(comparisons.values(), [recorded] * has_recorded)), first, seen


def _ask(arm: ModelInference, timeout_seconds: float, record: Record) -> InferenceResponse:
    """Return the answer, or why there is none; what concerns the whole arm is raised."""
    deadline = time.monotonic() + timeout_seconds
    try:
        return arm.infer(InferenceRequest(record.inputs, deadline, record.id, record.parameters))
    except _NO_ANSWER_TO_COMPARE:
        raise
    except TurnoutError as error:
        return InferenceResponse({}, error=error)


def _of_rows(ask: _Ask) -> Callable[[Mapping[str, Any]], InferenceResponse]:
    return lambda inputs: ask(Record(inputs))
