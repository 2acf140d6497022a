"""Calls of a model inside spans."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.base import Middleware
from turnout.tracing.streams import in_own_context

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class TracedCalls(Middleware):
    """Encloses every call in the span that ``span`` returns, a stream from its start to its last response."""

    def __init__(self, inner: ModelInference, tracer: Tracer) -> None:
        super().__init__(inner)
        self._infer, self._ainfer = inner.infer, inner.ainfer
        self._tracer = tracer

    @abstractmethod
    def span(self, request: InferenceRequest) -> AbstractContextManager[Any]:
        """Return the context that records one call of ``inner``."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        with self.span(request) as span:
            response = self._infer(request)
            self._tracer.set_version(span, response.model_version)
            return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        with self.span(request) as span:
            response = await self._ainfer(request)
            self._tracer.set_version(span, response.model_version)
            return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        return in_own_context(self._stream(request))

    def _stream(self, request: InferenceRequest) -> Generator[InferenceResponse]:
        with self.span(request):
            yield from self.inner.infer_stream(request)
