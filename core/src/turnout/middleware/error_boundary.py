"""Catching what a backend forgot to translate."""

from __future__ import annotations

from collections.abc import Iterator

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
            raise self._translated(error) from error

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        try:
            yield from self.inner.infer_stream(request)
        except TurnoutError:
            raise
        except Exception as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> InferenceError:
        return InferenceError(f"model {self._model!r} on backend {self._backend!r} failed: {one_line(error)}")
