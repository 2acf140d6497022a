"""The bottom of the async door: a thread for each execution, or the backend's own coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from turnout.awaiting import Threads, is_done_by
from turnout.errors import DeadlineExceededError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware
from turnout.resilience.late_work import LateWork


class Offload(Middleware):
    """Answers ``ainfer`` with ``infer`` of ``inner`` in a thread, or awaits the ``ainfer`` that the backend's class defines.

    The caller waits until its deadline at most. A request that no thread has started then, or when its caller is cancelled,
    never starts. One that runs cannot be ended from outside: it runs on, ``late`` counts it, and its answer is dropped. A
    backend's own coroutine is cancelled instead. Thread-safe; works in any event loop.
    """

    def __init__(
        self,
        inner: ModelInference,
        arm: tuple[str, str],
        threads: Threads,
        late: LateWork,
        awaits: Callable[[], bool | None],
    ) -> None:
        """Stand before ``inner``; ``awaits`` says whether its backend defines ``ainfer``, or None while it is not open."""
        super().__init__(inner)
        self._model, self._backend = arm
        self._threads = threads
        self._late = late
        self._awaits = awaits

    @property
    def infer(self) -> Callable[[InferenceRequest], InferenceResponse]:
        """The inner model's own: a frame of this class would cost each synchronous request its time."""
        return self.inner.infer

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        awaits = self._awaits()
        if awaits is None:
            # Before the use of a thread: requests that wait for a model to open must not keep the threads from other models.
            await self.inner.aopen(request.deadline)
            awaits = self._awaits()
        return await (self._await(request) if awaits else self._offload(request))

    async def _await(self, request: InferenceRequest) -> InferenceResponse:
        if request.deadline is None:
            return await self.inner.ainfer(request)
        try:
            async with asyncio.timeout(request.remaining_seconds()):
                return await self.inner.ainfer(request)
        except TimeoutError as error:
            raise self._deadline_error("did not answer before the deadline and was cancelled", started=True) from error

    async def _offload(self, request: InferenceRequest) -> InferenceResponse:
        future = self._threads.call(partial(self.inner.infer, request), name=self._model)
        done, started = False, True
        try:
            done = await is_done_by(request.deadline, future)
        finally:
            if not done:
                started = self._leave(future)
        if done:
            return future.result()
        if started:
            raise self._deadline_error(
                "did not answer before the deadline; it runs on, and its answer is dropped", started=True
            )
        raise self._deadline_error(
            "was not started before the deadline, because all threads were busy; raise executor_threads", started=False
        )

    def _leave(self, future: Future[Any]) -> bool:
        """Withdraw a request, or count it as late work; return whether it was started."""
        if future.cancel():
            return False
        if not future.done():
            self._late.add(future)
        return True

    def _deadline_error(self, reason: str, *, started: bool) -> DeadlineExceededError:
        error = DeadlineExceededError(
            f"a request to model {self._model!r} on backend {self._backend!r} {reason}; give it a longer timeout",
            model=self._model,
            backend=self._backend,
        )
        error.started = started
        return error
