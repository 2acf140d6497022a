"""The span of an execution on a backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from turnout.batching.rows import count_rows
from turnout.inference import InferenceRequest, ModelInference
from turnout.metrics.labels import Outcome, outcome_of
from turnout.middleware.traced_calls import TracedCalls
from turnout.tracing.attributes import BACKEND, BATCH_ROWS, MODEL, OUTCOME

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer


class ExecutionSpan(TracedCalls):
    """Encloses every execution of an arm in a span: one request, or a batch that is linked to its requests.

    Each attempt is an execution: one that failed before a fallback answered, and one before a retry. Only where tracing is on.
    """

    def __init__(
        self, inner: ModelInference, tracer: Tracer, arm: tuple[str, str], *, remote: bool = False, batched: bool = False
    ) -> None:
        """Trace ``arm``, a model on a backend: another process if ``remote``; ``batched`` if its requests have a batch axis."""
        super().__init__(inner, tracer)
        self._remote = remote
        self._batched = batched
        model, backend = arm
        self._name = f"execution {model}"
        self._attributes: dict[str, str | int] = {MODEL: model, BACKEND: backend}

    @contextmanager
    def span(self, request: InferenceRequest) -> Iterator[Any]:
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
