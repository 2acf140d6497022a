"""Comparison of a model's arms on the same requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from turnout.commands.batch_rows import Row, split_rows
from turnout.commands.verify.batching import DISTINCT_ROWS, BatchParity, compare_batching
from turnout.commands.verify.result import RECORDED, ArmParity, VerifyResult
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

logger = logging.getLogger(__name__)

_ARM_ERRORS = (BackendUnavailableError, ModelLoadError, PluginError, ClosedError)
"""Errors of an arm as a whole; any other error is the answer to one request."""

_Send = Callable[[RecordedRequest], InferenceResponse]


class _ArmComparison:
    """The comparison of one arm with the reference, request by request."""

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
) -> VerifyResult:
    """Send ``records`` to every arm of ``model``, of which the first is the reference, and compare the answers; blocks.

    Recorded answers are compared with the reference's too. With ``batch`` above 1, rows are sent to each arm one by one and in
    batches of 2, 3 and ``batch`` rows.

    Raises:
        BackendUnavailableError: an arm cannot be reached.
        ModelLoadError: an arm cannot be opened.
        InvalidInputError: a record is damaged, or is not a request of this model.
    """
    for arm in arms.values():
        # Opening may take minutes, which must not count against the timeout of the first request.
        arm.open()
    senders: dict[str, _Send] = {backend: partial(_send, arm, timeout_seconds) for backend, arm in arms.items()}
    comparisons, first, sent = _compare_all(senders, records, tolerances, min(batch, DISTINCT_ROWS))
    batching = _compare_batches(senders, [record.inputs for record in first], tolerances, batch, timeout_seconds)
    return VerifyResult(model, next(iter(arms)), sent, tuple(one.result() for one in comparisons), tuple(batching))


def _compare_batches(
    senders: Mapping[str, _Send], requests: Sequence[Row], tolerances: Tolerances, batch: int, timeout_seconds: float
) -> list[BatchParity]:
    rows = split_rows(requests, min(batch, DISTINCT_ROWS)) if batch > 1 else []
    if not rows:
        return []
    logger.info("proving that batches of up to %d do not change answers on %s", batch, " and ".join(senders))
    arms = {name: _row_sender(send) for name, send in senders.items()}
    # Half of the timeout: the time of a large batch is an estimate.
    return compare_batching(arms, rows, tolerances, largest=batch, budget_seconds=timeout_seconds / 2)


def _compare_all(
    senders: Mapping[str, _Send], records: Iterable[RecordedRequest], tolerances: Tolerances, batch: int
) -> tuple[list[_ArmComparison], list[RecordedRequest], int]:
    """Return the comparisons, the first requests (enough for ``batch`` rows), and the number of requests."""
    reference, *others = senders
    logger.info("comparing %s with %s", " and ".join(others) or "the recorded answers", reference)
    comparisons = {backend: _ArmComparison(backend, tolerances) for backend in others}
    recorded = _ArmComparison(RECORDED, tolerances)
    first: list[RecordedRequest] = []
    sent = has_recorded = 0
    for record in records:
        sent += 1
        expected = senders[reference](record)
        if isinstance(expected.error, InvalidRequestError):
            raise record.mismatch(expected.error)
        for backend, comparison in comparisons.items():
            comparison.add(record, expected, senders[backend](record))
        if record.outputs:
            has_recorded = 1
            recorded.add(record, InferenceResponse(record.outputs), expected)
        if len(first) < batch:
            first.append(record)
    return list(chain(comparisons.values(), [recorded] * has_recorded)), first, sent


def _send(arm: ModelInference, timeout_seconds: float, record: RecordedRequest) -> InferenceResponse:
    """Return the answer, or a response with the request's error; raise errors of the whole arm."""
    deadline = time.monotonic() + timeout_seconds
    try:
        return arm.infer(record.request(deadline))
    except _ARM_ERRORS:
        raise
    except TurnoutError as error:
        return InferenceResponse({}, error=error)


def _row_sender(send: _Send) -> Callable[[Mapping[str, Any]], InferenceResponse]:
    return lambda inputs: send(RecordedRequest(inputs))
