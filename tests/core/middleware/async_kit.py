"""Backends with a coroutine of their own, and the chain of an arm around them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.middleware.offload import Offload
from turnout.resilience.late_work import LateWork
from turnout.serving.executor import InferenceExecutor
from turnout.tensors import TensorSpec

X = np.ones((1, 2), np.float32)
REQUEST = InferenceRequest({"x": X})


class Awaits(ModelInference):
    """Answers with its inputs after ``steps`` turns of the event loop, from its own coroutine only.

    Attributes:
        during: called in the last turn.
        cancelled: the number of requests that were cancelled.
    """

    def __init__(self, steps: int = 1, error: BaseException | None = None) -> None:
        self._steps = steps
        self.error = error
        self.during: Callable[[], object] = lambda: None
        self.calls = self.cancelled = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise AssertionError("infer was called instead of ainfer")

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        self.calls += 1
        try:
            for _ in range(self._steps):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.during()
        if self.error is not None:
            raise self.error
        return InferenceResponse({name: array.copy() for name, array in request.inputs.items()}, request.id)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1, 2)),))


class Hangs(Awaits):
    """Answers when ``go`` is set in a thread, and never in its coroutine while ``hangs`` is set."""

    def __init__(self, limit_seconds: int) -> None:
        super().__init__()
        self.hangs = True
        self.started, self.go = threading.Event(), threading.Event()
        self._limit_seconds = limit_seconds

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.started.set()
        assert self.go.wait(self._limit_seconds)
        return InferenceResponse(dict(request.inputs), request.id)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        if not self.hangs:
            return await super().ainfer(request)
        self.started.set()
        try:
            await asyncio.sleep(self._limit_seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError("it was neither cancelled nor released")


def offload(inner: ModelInference, executor: InferenceExecutor, *, awaits: bool = False) -> tuple[Offload, LateWork, list[int]]:
    """Return ``inner`` behind an Offload, its late work, and a list with an entry for each late execution so far."""
    counted: list[int] = []
    late = LateWork(lambda: counted.append(1))
    return Offload(inner, ("m", "b"), executor, late, lambda: awaits), late, counted


async def cancelled(work: Any, when: threading.Event, limit_seconds: int) -> BaseException | None:
    """Run ``work`` as a task, cancel it once ``when`` is set, and return how it ended."""
    task = asyncio.ensure_future(work)
    await asyncio.to_thread(when.wait, limit_seconds)
    task.cancel()
    await asyncio.wait([task])
    return asyncio.CancelledError() if task.cancelled() else task.exception()
