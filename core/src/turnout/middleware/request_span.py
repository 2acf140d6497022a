"""The span of a request to a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.inference import InferenceRequest, ModelInference
from turnout.metrics.labels import Outcome, outcome_of
from turnout.middleware.traced_calls import TracedCalls
from turnout.tracing.attributes import BACKEND, MODEL, OUTCOME, REQUEST_ID

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class RequestSpan(TracedCalls):
    """Encloses every request of a model in a span, a stream from its start to its last response; only where tracing is on.

    The backend of the span is that which answered, or the one that should have.
    """

    def __init__(self, inner: ModelInference, tracer: Tracer, model: str, backend: str) -> None:
        super().__init__(inner, tracer)
        self._name = f"request {model}"
        self._attributes = {MODEL: model, BACKEND: backend}

    @contextmanager
    def span(self, request: InferenceRequest) -> Iterator[Any]:
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
