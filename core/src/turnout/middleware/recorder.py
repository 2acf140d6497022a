"""Recording of live requests."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from time import perf_counter

from turnout.awaiting import ThreadEach, Threads, run_in
from turnout.errors import ClosedError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.labels import RecordingOutcome
from turnout.middleware.base import Middleware
from turnout.recording import BackgroundRecording, RecordingPolicy
from turnout.tensors.copies import is_small


def _ignore(outcome: RecordingOutcome) -> None:
    """Count nothing."""


class Recorder(Middleware):
    """Records a share of the requests that ``inner`` answers, with the responses; no failed requests and no streams.

    It never fails a request. A recorded request waits for the copy of its tensors, because the caller may change them a moment
    later; another thread writes the file.
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        backend: str,
        policy: RecordingPolicy,
        count: Callable[[RecordingOutcome], None] = _ignore,
        *,
        threads: Threads | None = None,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._fraction = policy.fraction
        self._random = random.Random().random  # noqa: S311  # a sample, not a secret
        self._threads = threads or ThreadEach()
        self._count = count
        self._waits = policy.wait_seconds > 0
        self._recording = BackgroundRecording(model, backend, policy, count)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._random() >= self._fraction:
            return self._infer(request)
        start = perf_counter()
        response = self._infer(request)
        self._recording.offer(request, response, perf_counter() - start)
        return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        if self._random() >= self._fraction:
            return await self.inner.ainfer(request)
        start = perf_counter()
        response = await self.inner.ainfer(request)
        await self._arecord(request, response, perf_counter() - start)
        return response

    async def _arecord(self, request: InferenceRequest, response: InferenceResponse, seconds: float) -> None:
        """Record in the event loop what is small; copy in a thread what is not, or what may have to wait for room."""
        if not self._waits and is_small(request.inputs) and is_small(response.outputs):
            self._recording.offer(request, response, seconds)
            return
        copy = partial(self._recording.copy, request, response, seconds)
        try:
            # Without the cancelled ones: their callers may change the tensors during the copy.
            item = await run_in(self._threads, copy, discard=self._recording.discard)
        except ClosedError:  # the app was closed meanwhile; the caller has its answer
            self._count(RecordingOutcome.DROPPED)
            return
        self._recording.put(item)

    def retire(self) -> None:
        """Write what is queued within a bounded time; calls in flight are still recorded until then. Does not block."""
        self._recording.retire()

    def stop(self) -> None:
        """Write what is queued and end the recording; ``inner`` stays open. Blocks."""
        self._recording.close()

    def close(self) -> None:
        try:
            self.inner.close()
        finally:
            self.stop()
