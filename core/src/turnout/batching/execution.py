"""Running the requests of a batch."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Sequence

from turnout.batching.answers import BatchAnswer, answer_alone
from turnout.batching.queued import QueuedRequest
from turnout.batching.rows import merge_requests
from turnout.errors import InferenceError, InvalidRequestError, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.tracing.callers import CallerContexts, NoContexts

logger = logging.getLogger(__name__)

Infer = Callable[[InferenceRequest], InferenceResponse]
Observe = Callable[[float, int, Sequence[float]], None]
"""Records an execution: its seconds, its rows, and how long each of its requests had waited."""


class Execution:
    """Runs batches of one model. Thread-safe.

    Attributes:
        contexts: those of the callers.
    """

    def __init__(self, infer: Infer, arm: tuple[str, str], observe: Observe, clock: Callable[[], float]) -> None:
        self._infer = infer
        self.contexts: CallerContexts = NoContexts()
        self._model, self._backend = arm
        self._observe = observe
        self._clock = clock
        self._reported = False

    def run(self, requests: Sequence[QueuedRequest]) -> None:
        """Give every one of ``requests`` its rows or its error; if they fail together, each runs alone.

        So only a request that fails alone is failed. An error about the model itself, such as an outage, is not retried.
        """
        if len(requests) == 1:
            self._run_alone(requests[0], requests[0].queue_seconds)
            return
        try:
            answer = self._run_merged(requests)
        except (InferenceError, InvalidRequestError) as error:
            self._run_each(requests, error)
        except TurnoutError as error:
            for queued in requests:
                queued.fail(_own(error))
        except Exception as error:  # noqa: BLE001  # such as a MemoryError of the merged arrays; alone each is smaller
            self._run_each(requests, error)
        else:
            first = 0
            for queued in requests:
                queued.answer_from(answer, first)
                first += queued.rows

    def _run_merged(self, requests: Sequence[QueuedRequest]) -> BatchAnswer:
        rows = sum([queued.rows for queued in requests])
        merged = merge_requests([queued.request for queued in requests], _latest_deadline(requests))
        started = time.perf_counter()
        try:
            with self.contexts.together([queued.context for queued in requests]):
                response = self._infer(merged)
        finally:
            seconds = time.perf_counter() - started
            self._observe(seconds, rows, [queued.queue_seconds for queued in requests])
        return BatchAnswer(response, rows, seconds)

    def _run_each(self, requests: Sequence[QueuedRequest], error: Exception) -> None:
        if not self._reported:
            self._reported = True
            logger.warning(
                "model %r on backend %r: a batch of %d requests failed, so each runs alone, now and whenever a batch fails: %s",
                self._model,
                self._backend,
                len(requests),
                one_line(error),
            )
        for queued in requests:
            if late := queued.late_answer(self._clock()):
                queued.fail(late)
            else:
                self._run_alone(queued, None)

    def _run_alone(self, queued: QueuedRequest, queue_seconds: float | None) -> None:
        started = time.perf_counter()
        try:
            with self.contexts.together((queued.context,)):
                response = self._infer(queued.request)
        except Exception as error:  # noqa: BLE001  # raised by its caller
            queued.fail(error)
            return
        finally:
            seconds = time.perf_counter() - started
            self._observe(seconds, queued.rows, () if queue_seconds is None else (queue_seconds,))
        queued.answer(answer_alone(response, queued.queue_seconds, seconds))


def _latest_deadline(requests: Sequence[QueuedRequest]) -> float | None:
    """Return the deadline of a whole batch: a caller in a hurry must not fail the others."""
    latest = 0.0
    for queued in requests:
        deadline = queued.request.deadline
        if deadline is None:
            return None
        latest = max(latest, deadline)
    return latest


def _own(error: TurnoutError) -> TurnoutError:
    """Return a copy of ``error`` for one caller: each raises it in its own thread, which extends its traceback."""
    own = copy.copy(error)
    own.__cause__, own.__traceback__ = error.__cause__, error.__traceback__
    return own
