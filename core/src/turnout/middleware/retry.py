"""Retry within a budget."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.errors import NotReachedError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.resilience import RetryMeter
from turnout.middleware.base import Middleware, switch_before_first
from turnout.resilience.retry_budget import RetryBudget


class Retry(Middleware):
    """Sends a request once more if it never reached the backend, so no work is done twice.

    At most ``budget_ratio`` of the requests are retried: an outage must not double the load. Thread-safe.
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
            if not self._spend(request):
                raise
        return self._infer(request)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        self._budget.earn()
        try:
            return await self.inner.ainfer(request)
        except NotReachedError:
            if not self._spend(request):
                raise
        return await self.inner.ainfer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        def recover(error: NotReachedError) -> Iterator[InferenceResponse]:
            if not self._spend(request):
                raise error
            return self.inner.infer_stream(request)

        self._budget.earn()
        return switch_before_first(self.inner, request, (NotReachedError,), recover)

    def _spend(self, request: InferenceRequest) -> bool:
        """Return whether a retry is allowed, and count it."""
        if request.remaining_seconds() == 0 or not self._budget.spend():
            return False
        self._retried()
        return True
