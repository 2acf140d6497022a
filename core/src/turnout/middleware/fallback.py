"""Fallback to another backend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from time import monotonic

from turnout.errors import BackendUnavailableError, DeadlineExceededError, ModelLoadError, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.metrics.labels import fallback_reason_of
from turnout.metrics.resilience import FallbackMeter
from turnout.middleware.base import Middleware, refresh_all, switch_before_first
from turnout.resilience.fallback_use import FallbackUse
from turnout.resilience.usual_latency import UsualLatency

logger = logging.getLogger(__name__)

_UNAVAILABLE = (BackendUnavailableError, DeadlineExceededError, ModelLoadError)
# Half of the time leaves as much for the fallback. A backend whose usual latency is longer than half is not cut off for that.
_FIRST_SHARE = 0.5
_PATIENCE = 1.5


class Fallback(Middleware):
    """Calls ``other`` when ``inner`` is unavailable, late or cannot be opened; other errors pass through.

    Of a request's remaining time ``inner`` gets half, or one and a half times its usual latency where that is more, so that
    ``other`` can still answer in time when ``inner`` hangs. Without a deadline ``inner`` has no limit of its own. In a stream
    ``inner`` gets all the time, and ``other`` is called before the first response only. Thread-safe.
    """

    def __init__(
        self,
        inner: ModelInference,
        other: ModelInference,
        model: str,
        backends: tuple[str, str],
        meter: FallbackMeter,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Join two arms, which it owns; ``backends`` are their names, for the log."""
        super().__init__(inner)
        self._infer = inner.infer
        self.other = other
        self._model = model
        self._backends = backends
        self._fell_back = meter.fell_back
        self._usual = UsualLatency()
        self._use = FallbackUse(clock)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        first = request if request.deadline is None else self._shorten(request, request.deadline)
        start = monotonic()
        try:
            response = self._infer(first)
        except _UNAVAILABLE as error:
            if request.remaining_seconds() == 0:
                raise
            self._count(error)
            return self.other.infer(request)
        self._usual.add(monotonic() - start)
        if self._use.active:
            self._log_end()
        return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        first = request if request.deadline is None else self._shorten(request, request.deadline)
        start = monotonic()
        try:
            response = await self.inner.ainfer(first)
        except _UNAVAILABLE as error:
            if request.remaining_seconds() == 0:
                raise
            self._count(error)
            return await self.other.ainfer(request)
        self._usual.add(monotonic() - start)
        if self._use.active:
            self._log_end()
        return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        def recover(error: TurnoutError) -> Iterator[InferenceResponse]:
            if request.remaining_seconds() == 0:
                raise error
            self._count(error)
            return self.other.infer_stream(request)

        return switch_before_first(self.inner, request, _UNAVAILABLE, recover)

    def open(self, deadline: float | None = None) -> None:
        try:
            self.inner.open(_first_part(deadline))
        except _UNAVAILABLE:
            self.other.open(deadline)

    async def aopen(self, deadline: float | None = None) -> None:
        try:
            await self.inner.aopen(_first_part(deadline))
        except _UNAVAILABLE:
            await self.other.aopen(deadline)

    def signature(self) -> ModelSignature:
        try:
            return self.inner.signature()
        except _UNAVAILABLE:
            return self.other.signature()

    def refresh(self, deadline: float | None = None) -> None:
        refresh_all((self.inner, self.other), deadline)

    def ready(self) -> bool:
        return self.inner.ready() or self.other.ready()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.other.close()

    @property
    def in_use(self) -> bool:
        """True from a request that ``other`` got until ``inner`` has answered, and 10 s without another such request."""
        return self._use.active

    def _shorten(self, request: InferenceRequest, deadline: float) -> InferenceRequest:
        now = monotonic()
        remaining = deadline - now
        seconds = max(_FIRST_SHARE * remaining, _PATIENCE * (self._usual.value or 0.0))
        if seconds >= remaining:
            return request
        return InferenceRequest(request.inputs, now + seconds, request.id, request.parameters)

    def _count(self, error: TurnoutError) -> None:
        self._fell_back[fallback_reason_of(error)]()
        if self._use.record_use():
            first, other = self._backends
            logger.warning(
                "model %r: fallback %r answers while backend %r is unavailable; see turnout_fallbacks_total. First error: %s",
                self._model,
                other,
                first,
                one_line(error),
                extra={"model": self._model, "backend": first},
            )

    def _log_end(self) -> None:
        seconds = self._use.record_answer()
        if seconds is not None:
            first, other = self._backends
            logger.warning(
                "model %r: backend %r answers again, after %.1f s of fallback %r",
                self._model,
                first,
                seconds,
                other,
                extra={"model": self._model, "backend": first},
            )


def _first_part(deadline: float | None) -> float | None:
    return None if deadline is None else monotonic() + _FIRST_SHARE * (deadline - monotonic())
