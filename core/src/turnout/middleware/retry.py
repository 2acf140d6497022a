"""Asking once more."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.errors import NotReachedError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.resilience import RetryMeter
from turnout.middleware.base import Middleware
from turnout.resilience.retry_budget import RetryBudget


class Retry(Middleware):
    """Sends a request once more if it never reached the backend: nothing is done twice.

    Retries are at most ``budget_ratio`` of the requests, so that a backend in trouble is not asked twice as often. Thread-safe.
    """

    def __init__(self, inner: ModelInference, budget_ratio: float, meter: RetryMeter) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._budget = RetryBudget(budget_ratio)
        self._retried = meter.retried

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self._budget.earn()
        try:
            return self._infer(request)
        except NotReachedError:
            if not self._may_retry(request):
                raise
        return self._infer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        self._budget.earn()
        answered = False
        try:
            for response in self.inner.infer_stream(request):
                answered = True
                yield response
        except NotReachedError:
            if answered or not self._may_retry(request):
                raise
        else:
            return
        yield from self.inner.infer_stream(request)

    def _may_retry(self, request: InferenceRequest) -> bool:
        if request.remaining_seconds() == 0 or not self._budget.spend():
            return False
        self._retried()
        return True
