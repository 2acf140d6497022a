"""Shadowing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from time import perf_counter

from turnout.awaiting import ThreadEach, Threads, is_done_by
from turnout.errors import ClosedError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware
from turnout.rollout.shadow import Mirror, ShadowLedger, ShadowPolicy
from turnout.rollout.shadow.copier import Copying
from turnout.tensors.copies import is_small
from turnout.tracing.callers import CallerContexts


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
        threads: Threads | None = None,
        contexts: CallerContexts | None = None,
    ) -> None:
        """Mirror to ``shadow``, which is closed at the end, or released by ``release`` where it is shared.

        ``contexts`` are those in which it is traced.
        """
        super().__init__(inner)
        self.shadow = shadow
        self._infer = inner.infer
        self._fraction = policy.fraction
        self._random = random or Random().random  # noqa: S311  # a sample, not a secret
        self._threads = threads or ThreadEach()
        self._mirror = Mirror(shadow, policy, ledger, release or shadow.close, contexts)

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

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        if self._random() >= self._fraction:
            return await self.inner.ainfer(request)
        copying = self._mirror.begin(request)
        start = perf_counter()
        try:
            response = await self.inner.ainfer(request)
        except BaseException:
            self._cancel(request, copying)
            raise
        await self._aoffer(request, copying, response, perf_counter() - start)
        return response

    def _cancel(self, request: InferenceRequest, copying: Copying | None) -> None:
        """Release the copy; in a thread where its own thread may be copying a large one now."""
        if is_small(request.inputs):
            self._mirror.cancel(copying)
            return
        with suppress(ClosedError):  # the mirror is closed next
            self._threads.call(partial(self._mirror.cancel, copying))

    async def _aoffer(
        self, request: InferenceRequest, copying: Copying | None, response: InferenceResponse, seconds: float
    ) -> None:
        if copying is None or (is_small(request.inputs) and is_small(response.outputs)):
            self._mirror.offer(request, copying, response, seconds)
            return
        try:
            offered = self._threads.call(partial(self._mirror.offer, request, copying, response, seconds))
        except ClosedError:  # the app was closed meanwhile; the caller has its answer
            self._mirror.offer(request, None, response, seconds)
            return
        try:
            await is_done_by(None, offered)
        except BaseException:
            # The caller may change its tensors now.
            copying.abandoned = True
            raise

    def stop(self) -> None:
        """Stop mirroring and release the shadow; ``inner`` stays open. Blocks for the policy's ``closing_seconds`` at most."""
        self._mirror.close()

    def close(self) -> None:
        self.stop()
        super().close()
