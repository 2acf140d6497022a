"""Shadowing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from time import perf_counter

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware
from turnout.rollout.shadow import Mirror, ShadowLedger, ShadowPolicy


class Shadow(Middleware):
    """Answers with ``inner`` alone, and mirrors a share of the requests to ``shadow``, off the caller's path.

    Requests that ``inner`` fails are not mirrored, because there is nothing to compare; nor are streams. Thread-safe.
    """

    def __init__(
        self,
        inner: ModelInference,
        shadow: ModelInference,
        policy: ShadowPolicy,
        ledger: ShadowLedger,
        *,
        release: Callable[[], object] | None = None,
        random: Callable[[], float] | None = None,
    ) -> None:
        """Mirror to ``shadow``, which is closed at the end, or released by ``release`` where it is shared."""
        super().__init__(inner)
        self._infer = inner.infer
        self._fraction = policy.fraction
        self._random = random or Random().random  # noqa: S311  # a sample, not a secret
        self._mirror = Mirror(shadow, policy, ledger, release or shadow.close)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._random() >= self._fraction:
            return self._infer(request)
        # The copy of the inputs starts first: the caller may change them as soon as it has its response.
        copying = self._mirror.begin(request)
        start = perf_counter()
        try:
            response = self._infer(request)
        except BaseException:
            self._mirror.cancel(copying)
            raise
        self._mirror.offer(request, copying, response, perf_counter() - start)
        return response

    def stop(self) -> None:
        """Stop mirroring and release the shadow; ``inner`` stays open. Blocks for the policy's ``closing_seconds`` at most."""
        self._mirror.close()

    def close(self) -> None:
        self.stop()
        super().close()
