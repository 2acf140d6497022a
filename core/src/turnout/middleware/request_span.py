"""The span of a request to a model."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.labels import Outcome, outcome_of
from turnout.middleware.base import Middleware
from turnout.tracing.attributes import BACKEND, MODEL, OUTCOME, REQUEST_ID
from turnout.tracing.streams import in_own_context

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class RequestSpan(Middleware):
    """Encloses every request of a model in a span, a stream from its start to its last response; only where tracing is on.

    The backend of the span is that which answered, or the one that should have.
    """

    def __init__(self, inner: ModelInference, tracer: Tracer, model: str, backend: str) -> None:
        super().__init__(inner)
        self._infer, self._ainfer = inner.infer, inner.ainfer
        self._tracer = tracer
        self._name = f"request {model}"
        self._attributes = {MODEL: model, BACKEND: backend}

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        with self._span(request) as span:
            response = self._infer(request)
            self._tracer.set_version(span, response.model_version)
            return response

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        with self._span(request) as span:
            response = await self._ainfer(request)
            self._tracer.set_version(span, response.model_version)
            return response

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        return in_own_context(self._stream(request))

    def _stream(self, request: InferenceRequest) -> Generator[InferenceResponse]:
        with self._span(request):
            yield from self.inner.infer_stream(request)

    @contextmanager
    def _span(self, request: InferenceRequest) -> Iterator[Any]:
        attributes = {**self._attributes, REQUEST_ID: request.id} if request.id else self._attributes
        with self._tracer.request(self._name, attributes) as span:
            outcome = Outcome.OK
            try:
                yield span
            except GeneratorExit:  # the caller has read enough
                raise
            except BaseException as error:
                outcome = outcome_of(error)
                raise
            finally:
                span.set_attribute(OUTCOME, outcome)
