"""The span of an execution on a backend."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.batching.rows import count_rows
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics.labels import Outcome, outcome_of
from turnout.middleware.base import Middleware
from turnout.tracing.attributes import BACKEND, BATCH_ROWS, MODEL, OUTCOME
from turnout.tracing.streams import in_own_context

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class ExecutionSpan(Middleware):
    """Encloses every execution of an arm in a span: one request, or a batch that is linked to its requests.

    Each attempt is an execution: one that failed before a fallback answered, and one before a retry. Only where tracing is on.
    """

    def __init__(
        self, inner: ModelInference, tracer: Tracer, arm: tuple[str, str], *, remote: bool = False, batched: bool = False
    ) -> None:
        """Trace ``arm``, a model on a backend: another process if ``remote``; ``batched`` if its requests have a batch axis."""
        super().__init__(inner)
        self._infer, self._ainfer = inner.infer, inner.ainfer
        self._tracer = tracer
        self._remote = remote
        self._batched = batched
        model, backend = arm
        self._name = f"execution {model}"
        self._attributes: dict[str, str | int] = {MODEL: model, BACKEND: backend}

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
        rows = {BATCH_ROWS: count_rows(request)} if self._batched else {}
        with self._tracer.execution(self._name, {**self._attributes, **rows}, remote=self._remote) as span:
            outcome = Outcome.OK
            try:
                yield span
            except GeneratorExit:  # the caller has read enough
                raise
            except BaseException as error:
                outcome = outcome_of(error)
                self._tracer.add_exception(span, error)
                raise
            finally:
                span.set_attribute(OUTCOME, outcome)
