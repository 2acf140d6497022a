"""Shadowing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from time import perf_counter

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware
from turnout.rollout.shadow import Mirror, ShadowLedger, ShadowPolicy


class Shadow(Middleware):
    """Answers by ``inner`` alone, and has ``shadow`` asked the same, for a share of the requests, off the caller's path.

    What ``inner`` fails is not mirrored, as there is nothing to compare; nor are streams. Thread-safe.
    """

    def __init__(
        self,
        inner: ModelInference,
        shadow: ModelInference,
        policy: ShadowPolicy,
        ledger: ShadowLedger,
        *,
        random: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._fraction = policy.fraction
        self._random = random or Random().random  # noqa: S311  # a sample, not a secret
        self._mirror = Mirror(shadow, policy, ledger)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._random() >= self._fraction:
            return self._infer(request)
        begun = self._mirror.begin(request)
        start = perf_counter()
        try:
            response = self._infer(request)
        except BaseException:
            self._mirror.cancel(begun)
            raise
        self._mirror.offer(request, begun, response, perf_counter() - start)
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        return self.inner.infer_stream(request)

    def close(self) -> None:
        self._mirror.close()
        super().close()
