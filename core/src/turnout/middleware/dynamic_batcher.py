"""Dynamic batching."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from turnout.batching.callers import LoopRequest, ThreadRequest
from turnout.batching.dispatch import Dispatcher
from turnout.batching.execution import Execution
from turnout.batching.leaders import LeaderThreads
from turnout.batching.queued import QueuedRequest
from turnout.batching.rows import count_rows
from turnout.batching.rules import BatchRules
from turnout.batching.schedule import Schedule
from turnout.errors import ClosedError, OverloadedError, TurnoutError
from turnout.forking import Forks
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.batching import BatchMeter
from turnout.middleware.base import Middleware
from turnout.tracing.callers import CallerContexts

_NO_WAIT = (0.0,)


class DynamicBatcher(Middleware):
    """Merges concurrent requests into batches; a request that finds the model idle runs at once, in its caller's thread.

    While a batch runs, other requests queue, and run together next: see ``Dispatcher``. Streams are not merged. Thread-safe. A
    forked child starts with an empty queue.
    """

    def __init__(
        self,
        inner: ModelInference,
        arm: tuple[str, str],
        rules: BatchRules,
        meter: BatchMeter,
        *,
        refused: Callable[[], object],
        instances: int = 1,
        clock: Callable[[], float] = time.monotonic,
        leaders: LeaderThreads | None = None,
    ) -> None:
        """Run ``instances`` batches at a time on ``inner``, which is the model of ``arm`` on its backend.

        ``refused`` is called for a request that finds the queue full.
        """
        super().__init__(inner)
        self._infer = inner.infer
        self._model, self._backend = arm
        self._rules = rules
        self._instances = instances
        self._meter = meter
        self._refused = refused
        self._clock = clock
        self._execution = Execution(inner.infer, arm, meter.executed, clock)
        self._leaders = leaders or LeaderThreads(f"turnout-batch-{self._model}", instances)
        # A request that runs at once has no place in an order, and no time to wait for others.
        self._may_run_at_once = not rules.delay_seconds and not (rules.preserve_ordering and instances > 1)
        self._closed = False
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with an empty queue: the parent's callers do not exist here."""
        self._schedule = Schedule(self._rules, self._instances, self._meter.waiting, self._meter.late)
        self._dispatcher = Dispatcher(self._schedule, self._execution, self._leaders, self._clock)

    def run_in(self, contexts: CallerContexts) -> None:
        """Let executions run in the contexts of their callers. Called before the first request."""
        self._execution.contexts = contexts

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        schedule = self._schedule
        if not self._may_run_at_once or schedule.queue.waiting or schedule.linger.callers > 1:
            return self._infer_queued(request)
        try:
            schedule.idle.pop()
        except IndexError:
            return self._infer_queued(request)
        started = time.perf_counter()
        try:
            return self._infer(request)
        finally:
            self._free(schedule, request, time.perf_counter() - started)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        queued = LoopRequest(request, asyncio.get_running_loop())
        dispatcher = self._dispatcher
        try:
            self._enqueue(dispatcher, queued)
            while not await queued.wait(queued.patience_ends() - self._clock()):
                dispatcher.check_patience(queued)
        except BaseException as error:
            dispatcher.leave(queued)
            self._locate(error)
            raise
        return self._result(queued)

    def close(self) -> None:
        self._closed = True
        self._dispatcher.drain(self._closed_error)
        super().close()

    def _infer_queued(self, request: InferenceRequest) -> InferenceResponse:
        queued = ThreadRequest(request)
        dispatcher = self._dispatcher
        try:
            self._enqueue(dispatcher, queued)
            dispatcher.wait(queued)
        except BaseException as error:
            dispatcher.leave(queued)
            self._locate(error)
            raise
        finally:
            dispatcher.go_on(queued)
        return self._result(queued)

    def _enqueue(self, dispatcher: Dispatcher, queued: QueuedRequest) -> None:
        if self._closed:
            raise self._closed_error()
        queued.context = self._execution.contexts.present()
        try:
            dispatcher.enqueue(queued)
        except OverloadedError:
            self._refused()
            raise
        if self._closed:
            # It was queued after ``close`` had looked.
            dispatcher.drain(self._closed_error)

    def _free(self, schedule: Schedule, request: InferenceRequest, seconds: float) -> None:
        """Release the instance of ``request``, which did not wait in the queue and ran for ``seconds``."""
        # The instance is free first and the queue is read second; ``enqueue`` does it the other way round.
        schedule.idle.append(None)
        if schedule.queue.waiting:
            self._dispatcher.free()
        self._meter.executed(seconds, count_rows(request), _NO_WAIT)

    def _result(self, queued: QueuedRequest) -> InferenceResponse:
        if (response := queued.response()) is not None:
            return response
        error = queued.error or self._closed_error()
        self._locate(error)
        raise error

    def _locate(self, error: BaseException) -> None:
        if isinstance(error, TurnoutError):
            error.locate(self._model, self._backend)

    def _closed_error(self) -> ClosedError:
        return ClosedError(f"model {self._model!r} is closed; open the app again with turnout.open")
