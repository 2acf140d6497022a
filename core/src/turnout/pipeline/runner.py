"""A pipeline that runs: one progress, driven by a thread or by an event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from turnout.awaiting import ThreadEach, Threads, run_in
from turnout.deadlines import deadline_after
from turnout.errors import ClosedError, DeadlineExceededError, StepFailure, TurnoutError, count_of
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.log_pace import LogPace
from turnout.metrics.labels import PipelineOutcome, StepFailureReason, pipeline_outcome_of, step_failure_reason_of
from turnout.pipeline.failures import summarize_failures
from turnout.pipeline.plan import PipelinePlan, named_inputs
from turnout.pipeline.progress import Progress
from turnout.pipeline.result import PipelineResult
from turnout.pipeline.spans import RunSpans

logger = logging.getLogger(__name__)

T = TypeVar("T")
Submit = Callable[[ModelInference, InferenceRequest], "Future[InferenceResponse]"]
Ticket = tuple[str, int]
AnswerTask = asyncio.Task[InferenceResponse]


class PipelineObserver(Protocol):
    """Receives the outcome of every run, the failures of its steps, and the durations of answered runs."""

    def count_run(self, outcome: PipelineOutcome) -> None:
        """Record the outcome of a run."""

    def count_failure(self, step: str, reason: StepFailureReason) -> None:
        """Record that a step failed, or one of its parts."""

    def observe_run(self, seconds: float, timings: Mapping[str, Mapping[str, float]]) -> None:
        """Record the seconds of an answered run, and of each part of its steps."""


class Pipeline:
    """A plan with the models of its steps. Thread-safe: many runs may be in progress at once.

    Steps run in the caller's thread, one at a time; requests run in the app's threads, in parallel. So models of independent
    steps work at the same time, and no step needs a lock.
    """

    def __init__(
        self,
        name: str,
        plan: PipelinePlan,
        models: Mapping[str, ModelInference],
        *,
        submit: Submit,
        observer: PipelineObserver,
        threads: Threads | None = None,
        spans: RunSpans | None = None,
    ) -> None:
        """Run ``plan``: requests by ``submit`` or awaited, and the steps of ``arun`` in ``threads``; ``spans`` trace it."""
        self.name = name
        self.plan = plan
        self._models = models
        self._submit = submit
        self._observer = observer
        self._threads = threads or ThreadEach()
        self._pace = LogPace()
        self._trace = spans.run if spans else nullcontext
        self._progress = spans.progress if spans else partial(Progress, pipeline=name)

    def open(self) -> None:
        """Open the models of its steps that are not open; blocks. Raises what ``ModelInference.open`` raises."""
        for model in {self._model(name) for name, step in self.plan.steps.items() if step.model is not None}:
            model.open()

    def run(self, inputs: Mapping[str, Any], *, timeout_seconds: float | None = None) -> PipelineResult:
        """Run every step and return all values. Blocks.

        A request that fails while others of its step are answered is in the result's ``failures``; a log line a minute says so.

        Raises:
            PipelineFailedError: every request of a step failed; PipelineUnavailableError if its backend is unavailable.
            PipelineWiringError: an input is missing or unknown.
            DeadlineExceededError: the run took longer than ``timeout_seconds``.
            ClosedError: the app was closed during the run.
            TurnoutError: a step failed as a whole.
        """
        with self._count_failure(), self._trace():
            start = time.perf_counter()
            progress, deadline = self._begin(inputs, timeout_seconds)
            with self._count_step_failures(progress):
                return self._run(progress, start, deadline)

    async def arun(self, inputs: Mapping[str, Any], *, timeout_seconds: float | None = None) -> PipelineResult:
        """Run every step in a thread and await the requests; works in any event loop. Raises what ``run`` raises.

        A step that still runs at the deadline, or when the caller is cancelled, runs on in its thread, unread.
        """
        with self._count_failure(), self._trace():
            start = time.perf_counter()
            progress, deadline = self._begin(inputs, timeout_seconds)
            with self._count_step_failures(progress):
                return await self._arun(progress, start, deadline)

    def _run(self, progress: Progress, start: float, deadline: float | None) -> PipelineResult:
        pending: dict[Future[InferenceResponse], Ticket] = {}
        # Not concurrent.futures.wait, which locks and visits every pending future for each that is done.
        done: SimpleQueue[Future[InferenceResponse]] = SimpleQueue()
        try:
            while not progress.finished:
                self._check_deadline(deadline)
                if names := progress.startable():
                    for name in names:
                        requests = progress.begin(name)
                        with progress.within(name):
                            for index, request in enumerate(requests):
                                future = self._submit(self._model(name), request)
                                pending[future] = (name, index)
                                future.add_done_callback(done.put)
                        self._check_deadline(deadline)
                    continue
                with suppress(Empty):
                    future = done.get(timeout=_seconds_until(deadline))
                    progress.receive(*pending.pop(future), _outcome(future))
        finally:
            # A request that no thread has started yet costs nothing more; the others end unread.
            for future in pending:
                future.cancel()
            progress.close()
        return self._end(progress, start, deadline)

    async def _arun(self, progress: Progress, start: float, deadline: float | None) -> PipelineResult:
        pending: dict[AnswerTask, Ticket] = {}
        done: asyncio.Queue[AnswerTask] = asyncio.Queue()
        try:
            while not progress.finished:
                self._check_deadline(deadline)
                if names := progress.startable():
                    for name in names:
                        requests = await self._in_thread(partial(progress.begin, name), deadline)
                        with progress.within(name):
                            for index, request in enumerate(requests):
                                task = asyncio.create_task(_answer(self._model(name), request))
                                pending[task] = (name, index)
                                task.add_done_callback(done.put_nowait)
                        self._check_deadline(deadline)
                    continue
                task = await self._next(done, deadline)
                # The requests have the run's deadline, and fail with it: that is no step without an answer.
                self._check_deadline(deadline)
                name, index = pending.pop(task)
                if progress.record(name, index, _outcome(task)):
                    await self._in_thread(partial(progress.end, name), deadline)
        finally:
            for task in pending:
                task.cancel()
            # asyncio logs the exception of a task that is never awaited.
            await asyncio.gather(*pending, return_exceptions=True)
            progress.close()
        return self._end(progress, start, deadline)

    def _begin(self, inputs: Mapping[str, Any], timeout_seconds: float | None) -> tuple[Progress, float | None]:
        inputs = named_inputs(self.name, inputs)
        self.plan.check_inputs(self.name, inputs)
        deadline = None if timeout_seconds is None else deadline_after(timeout_seconds)
        return self._progress(self.plan, inputs, deadline), deadline

    def _end(self, progress: Progress, start: float, deadline: float | None) -> PipelineResult:
        result = progress.result()
        # The last step's own work counts too. A run without an answer has raised already, with the reason.
        self._check_deadline(deadline)
        self._observer.observe_run(time.perf_counter() - start, result.timings)
        self._observer.count_run(PipelineOutcome.PARTIAL if result.failures else PipelineOutcome.OK)
        if result.failures:
            self._log_failures(result.failures)
        return result

    def _log_failures(self, failures: Sequence[StepFailure]) -> None:
        """Log the failures of a run that returned, since its caller may never read them."""
        left_out = self._pace.admit()
        if left_out is not None:
            more = f"; {count_of(left_out, 'run')} with failures before it" if left_out else ""
            logger.warning("pipeline %r: %s%s", self.name, summarize_failures(failures), more)

    @contextmanager
    def _count_step_failures(self, progress: Progress) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            for step in progress.blame(error):
                self._observer.count_failure(step, step_failure_reason_of(error))
            raise
        finally:
            for failure in list(progress.failures):
                self._observer.count_failure(failure.step, step_failure_reason_of(failure.error))

    @contextmanager
    def _count_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._observer.count_run(pipeline_outcome_of(error))
            raise

    def _model(self, step: str) -> ModelInference:
        return self._models[self.plan.steps[step].model or ""]

    def _check_deadline(self, deadline: float | None) -> None:
        if deadline is not None and time.monotonic() >= deadline:
            raise self._too_late()

    async def _in_thread(self, work: Callable[[], T], deadline: float | None) -> T:
        try:
            return await run_in(self._threads, work, deadline, name=self.name)
        except TimeoutError:
            raise self._too_late() from None

    async def _next(self, done: asyncio.Queue[AnswerTask], deadline: float | None) -> AnswerTask:
        try:
            async with asyncio.timeout(_seconds_until(deadline)):
                return await done.get()
        except TimeoutError:
            raise self._too_late() from None

    def _too_late(self) -> DeadlineExceededError:
        return DeadlineExceededError(f"pipeline {self.name!r} did not end before its deadline; give it a longer timeout")


async def _answer(model: ModelInference, request: InferenceRequest) -> InferenceResponse:
    return await model.ainfer(request)


def _seconds_until(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _outcome(future: Future[InferenceResponse] | AnswerTask) -> InferenceResponse | TurnoutError:
    error = future.exception()
    if error is None:
        return future.result()
    # One failed request is the step's to handle; a closed app ends the run.
    if isinstance(error, TurnoutError) and not isinstance(error, ClosedError):
        return error
    raise error
