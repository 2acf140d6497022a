"""Catching what a backend forgot to translate."""

from __future__ import annotations

from turnout.errors import InferenceError, TurnoutError, one_line
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware


class ErrorBoundary(Middleware):
    """Turns every foreign exception into InferenceError, which names model and backend."""

    def __init__(self, inner: ModelInference, model: str, backend: str) -> None:
        super().__init__(inner)
        self._infer = inner.infer
        self._model = model
        self._backend = backend

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        try:
            return self._infer(request)
        except TurnoutError:
            raise
        except Exception as error:
            raise InferenceError(f"model {self._model!r} on backend {self._backend!r} failed: {one_line(error)}") from error
