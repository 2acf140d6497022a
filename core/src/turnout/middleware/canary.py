"""Canary releases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from turnout.errors import BackendUnavailableError, ModelLoadError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware, refresh_all, switch_before_first
from turnout.rollout.canary import CanaryPolicy, position_of

_UNAVAILABLE = (BackendUnavailableError, ModelLoadError)


def _ignore(_: TurnoutError) -> None:
    return None


class Canary(Middleware):
    """Sends a share of the requests to ``canary``, all others to ``inner``.

    With a key, the requests of one value stay on one arm. An unavailable canary costs no request: ``inner`` answers,
    ``on_unavailable`` is called, and the canary's own metrics have counted the failure. Wrong or late responses and
    InferenceErrors of the canary reach the caller: a canary exists to show them. Thread-safe.
    """

    def __init__(
        self,
        inner: ModelInference,
        canary: ModelInference,
        policy: CanaryPolicy,
        on_unavailable: Callable[[TurnoutError], object] = _ignore,
        *,
        random: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self.canary = canary
        self._model = policy.model
        self._weight = policy.weight
        self._key = policy.key
        self._on_unavailable = on_unavailable
        self._random = random or Random().random  # noqa: S311  # a share, not a secret

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if not self._chooses(request):
            return self._infer(request)
        try:
            return self.canary.infer(request)
        except _UNAVAILABLE as error:
            self._on_unavailable(error)
        return self._infer(request)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        if not self._chooses(request):
            return await self.inner.ainfer(request)
        try:
            return await self.canary.ainfer(request)
        except _UNAVAILABLE as error:
            self._on_unavailable(error)
        return await self.inner.ainfer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        if not self._chooses(request):
            return self.inner.infer_stream(request)

        def recover(error: TurnoutError) -> Iterator[InferenceResponse]:
            self._on_unavailable(error)
            return self.inner.infer_stream(request)

        return switch_before_first(self.canary, request, _UNAVAILABLE, recover)

    def refresh(self, deadline: float | None = None) -> None:
        refresh_all((self.inner, self.canary), deadline)

    def close(self) -> None:
        try:
            self.canary.close()
        finally:
            super().close()

    def _chooses(self, request: InferenceRequest) -> bool:
        value = request.parameters.get(self._key) if self._key is not None else None
        return (self._random() if value is None else position_of(self._model, value)) < self._weight
