"""Comparing the arms of a model on the same requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from turnout.commands.verify.batching import compare_batching, take_rows
from turnout.commands.verify.result import RECORDED, ArmParity, Verification
from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    InvalidRequestError,
    ModelLoadError,
    PluginError,
    TurnoutError,
)
from turnout.inference import InferenceResponse, ModelInference
from turnout.parity import ParitySummary, Tolerances, Verdict, compare
from turnout.recording import RecordedRequest

_NO_ANSWER_TO_COMPARE = (BackendUnavailableError, ModelLoadError, PluginError, ClosedError)


class _Comparison:
    """One arm against the reference, request by request."""

    def __init__(self, backend: str, tolerances: Tolerances) -> None:
        self.backend = backend
        self._tolerances = tolerances
        self._summary = ParitySummary()
        self._worst: RecordedRequest | None = None
        self._answer: Mapping[str, Any] = {}

    def add(self, record: RecordedRequest, expected: InferenceResponse, actual: InferenceResponse) -> None:
        parity = compare(expected, actual, self._tolerances)
        if self._summary.add(parity) and parity.verdict is not Verdict.MATCH:
            self._worst, self._answer = replace(record, outputs=dict(expected.outputs)), dict(actual.outputs)

    def result(self) -> ArmParity:
        return ArmParity(self.backend, self._summary, self._worst, self._answer)


def compare_arms(
    model: str,
    arms: Mapping[str, ModelInference],
    records: Iterable[RecordedRequest],
    *,
    tolerances: Tolerances,
    batch: int = 0,
    timeout_seconds: float = 60.0,
) -> Verification:
    """Send ``records`` to every arm of ``model``, of which the first is the reference, and compare; blocks.

    Answers that were recorded are compared with the reference's too. With ``batch`` above 1 so many rows are sent to each arm
    alone and together.

    Raises:
        BackendUnavailableError: an arm cannot be reached.
        ModelLoadError: an arm cannot be opened.
        InvalidInputError: a record is torn, or no request of this model.
    """
    for arm in arms.values():
        # That may take minutes, which are not the first request's.
        arm.open()
    asks: dict[str, _Ask] = {backend: partial(_ask, arm, timeout_seconds) for backend, arm in arms.items()}
    comparisons, first, sent = _compare_all(asks, records, tolerances, batch)
    rows = take_rows((record.inputs for record in first), batch) if batch > 1 else []
    batching = compare_batching({name: _of_rows(ask) for name, ask in asks.items()}, rows, tolerances) if rows else []
    return Verification(model, next(iter(arms)), sent, tuple(one.result() for one in comparisons), tuple(batching))


_Ask = Callable[[RecordedRequest], InferenceResponse]


def _compare_all(
    asks: Mapping[str, _Ask], records: Iterable[RecordedRequest], tolerances: Tolerances, batch: int
) -> tuple[list[_Comparison], list[RecordedRequest], int]:
    """Return the comparisons, as many requests as batching needs rows, and how many requests there were."""
    reference, *others = asks
    comparisons = {backend: _Comparison(backend, tolerances) for backend in others}
    recorded = _Comparison(RECORDED, tolerances)
    first: list[RecordedRequest] = []
    sent = has_recorded = 0
    for record in records:
        sent += 1
        expected = asks[reference](record)
        if isinstance(expected.error, InvalidRequestError):
            raise record.mismatch(expected.error)
        for backend, comparison in comparisons.items():
            comparison.add(record, expected, asks[backend](record))
        if record.outputs:
            has_recorded = 1
            recorded.add(record, InferenceResponse(record.outputs), expected)
        if len(first) < batch:
            first.append(record)
    return list(chain(comparisons.values(), [recorded] * has_recorded)), first, sent


def _ask(arm: ModelInference, timeout_seconds: float, record: RecordedRequest) -> InferenceResponse:
    """Return the answer, or why there is none; what concerns the whole arm is raised."""
    deadline = time.monotonic() + timeout_seconds
    try:
        return arm.infer(record.request(deadline))
    except _NO_ANSWER_TO_COMPARE:
        raise
    except TurnoutError as error:
        return InferenceResponse({}, error=error)


def _of_rows(ask: _Ask) -> Callable[[Mapping[str, Any]], InferenceResponse]:
    return lambda inputs: ask(RecordedRequest(inputs))
