"""Canary releases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from turnout.errors import BackendUnavailableError, ModelLoadError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware
from turnout.rollout.canary import CanaryPolicy, position_of

_NOT_ANSWERED = (BackendUnavailableError, ModelLoadError)


def _ignore(_: TurnoutError) -> None:
    return None


class Canary(Middleware):
    """Sends a share of the requests to ``canary``, all others to ``inner``.

    With a key, the requests of one value stay on one arm. A canary that cannot be reached or opened costs no request: ``inner``
    answers, ``stepped_back`` hears of it, and the canary's own metrics have counted it. What the canary answers wrongly, too
    late or with InferenceError is the caller's, since that is what a canary is to show. Thread-safe.
    """

    def __init__(
        self,
        inner: ModelInference,
        canary: ModelInference,
        policy: CanaryPolicy,
        stepped_back: Callable[[TurnoutError], object] = _ignore,
        *,
        random: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._canary = canary
        self._model = policy.model
        self._weight = policy.weight
        self._key = policy.key
        self._stepped_back = stepped_back
        self._random = random or Random().random  # noqa: S311  # a share, not a secret

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if not self._chosen(request):
            return self._infer(request)
        try:
            return self._canary.infer(request)
        except _NOT_ANSWERED as error:
            self._stepped_back(error)
        return self._infer(request)

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        if not self._chosen(request):
            yield from self.inner.infer_stream(request)
            return
        begun = False
        try:
            for response in self._canary.infer_stream(request):
                begun = True
                yield response
            return
        except _NOT_ANSWERED as error:
            if begun:
                raise
            self._stepped_back(error)
        yield from self.inner.infer_stream(request)

    def close(self) -> None:
        try:
            self._canary.close()
        finally:
            super().close()

    def _chosen(self, request: InferenceRequest) -> bool:
        value = request.parameters.get(self._key) if self._key is not None else None
        return (self._random() if value is None else position_of(self._model, value)) < self._weight
