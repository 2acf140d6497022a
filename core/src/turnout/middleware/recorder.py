"""Recording."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from time import perf_counter

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.labels import RecordingOutcome
from turnout.middleware.base import Middleware
from turnout.recording import BackgroundRecording, RecordingPolicy


def _uncounted(outcome: RecordingOutcome) -> None:
    """Count nothing."""


class Recorder(Middleware):
    """Records a share of the requests that ``inner`` answers, with the answers; failed requests and streams are not.

    It never fails a request. A chosen one waits for the copy of its tensors, which their owner may change a moment later;
    writing is another thread's work.
    """

    def __init__(
        self,
        inner: ModelInference,
        model: str,
        backend: str,
        policy: RecordingPolicy,
        count: Callable[[RecordingOutcome], None] = _uncounted,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._fraction = policy.fraction
        self._chance = random.Random().random  # noqa: S311  # a sample, no secret
        self._recording = BackgroundRecording(model, backend, policy, count)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._chance() >= self._fraction:
            return self._infer(request)
        start = perf_counter()
        response = self._infer(request)
        self._recording.offer(request, response, perf_counter() - start)
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        return self.inner.infer_stream(request)

    def close(self) -> None:
        try:
            self.inner.close()
        finally:
            self._recording.close()
