"""Running a pipeline: the same progress, driven by a thread or by an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

from turnout.errors import ClosedError, DeadlineExceededError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.pipeline.context import PipelineResult
from turnout.pipeline.plan import PipelinePlan
from turnout.pipeline.progress import Progress

Submit = Callable[[ModelInference, InferenceRequest], "Future[InferenceResponse]"]
Ticket = tuple[str, int]


class PipelineObserver(Protocol):
    """Hears how long each answered run took."""

    def observe_run(self, seconds: float, timings: Mapping[str, Mapping[str, float]]) -> None:
        """Take the seconds of a run that was answered, and of its steps by part."""


class Pipeline:
    """Steps in an order that was proved, with the models that answer them. Many runs may be under way at once.

    Steps run in the caller's thread, one at a time; requests run in the app's threads, all at once. So steps that do not
    depend on each other have their models working at the same time, and no step needs a lock.
    """

    def __init__(
        self,
        name: str,
        plan: PipelinePlan,
        models: Mapping[str, ModelInference],
        *,
        submit: Submit,
        observer: PipelineObserver,
    ) -> None:
        self.name = name
        self.plan = plan
        self._models = models
        self._submit = submit
        self._observer = observer

    def run(self, inputs: Mapping[str, Any], *, timeout_seconds: float | None = None) -> PipelineResult:
        """Run every step and return what they wrote; blocks.

        Raises:
            PipelineError: an input is missing or unknown.
            DeadlineExceededError: ``timeout_seconds`` went by.
            ClosedError: the app was closed meanwhile.
            TurnoutError: a step failed as a whole.
        """
        start = time.perf_counter()
        progress, deadline = self._begin(inputs, timeout_seconds)
        pending: dict[Future[InferenceResponse], Ticket] = {}
        try:
            while not progress.finished:
                self._check(deadline)
                if names := progress.startable():
                    for name in names:
                        for index, request in enumerate(progress.begin(name)):
                            pending[self._submit(self._model(name), request)] = (name, index)
                    continue
                for future in wait(pending, _left(deadline), FIRST_COMPLETED).done:
                    progress.receive(*pending.pop(future), _outcome(future))
        finally:
            for future in pending:
                future.cancel()
        return self._end(progress, start)

    async def arun(self, inputs: Mapping[str, Any], *, timeout_seconds: float | None = None) -> PipelineResult:
        """Do what ``run`` does without blocking the event loop; works in any loop. Raises what ``run`` raises."""
        start = time.perf_counter()
        progress, deadline = self._begin(inputs, timeout_seconds)
        pending: dict[asyncio.Task[InferenceResponse], Ticket] = {}
        try:
            while not progress.finished:
                self._check(deadline)
                if names := progress.startable():
                    for name in names:
                        for index, request in enumerate(await asyncio.to_thread(progress.begin, name)):
                            pending[asyncio.create_task(_answer(self._model(name), request))] = (name, index)
                    continue
                done, _ = await asyncio.wait(pending, timeout=_left(deadline), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    await asyncio.to_thread(progress.receive, *pending.pop(task), _outcome(task))
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        return self._end(progress, start)

    def _begin(self, inputs: Mapping[str, Any], timeout_seconds: float | None) -> tuple[Progress, float | None]:
        self.plan.check_inputs(self.name, inputs)
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        return Progress(self.plan, inputs, deadline), deadline

    def _end(self, progress: Progress, start: float) -> PipelineResult:
        result = progress.result()
        self._observer.observe_run(time.perf_counter() - start, result.timings)
        return result

    def _model(self, step: str) -> ModelInference:
        return self._models[self.plan.steps[step].model or ""]

    def _check(self, deadline: float | None) -> None:
        if deadline is not None and time.monotonic() >= deadline:
            raise DeadlineExceededError(f"pipeline {self.name!r} did not end before its deadline; give it a longer timeout")


async def _answer(model: ModelInference, request: InferenceRequest) -> InferenceResponse:
    return await model.ainfer(request)


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _outcome(future: Future[InferenceResponse] | asyncio.Task[InferenceResponse]) -> InferenceResponse | TurnoutError:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, TurnoutError) and not isinstance(error, ClosedError):
        return error
    raise error
