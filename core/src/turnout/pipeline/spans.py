"""The spans of a run of a pipeline and of its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from turnout.inference import InferenceRequest
from turnout.metrics.labels import PipelineOutcome, pipeline_outcome_of
from turnout.pipeline.plan import PipelinePlan
from turnout.pipeline.progress import Progress
from turnout.pipeline.result import PipelineResult
from turnout.tracing.attributes import DURATION, FAILURES, MODEL, OUTCOME, PIPELINE, STEP

if TYPE_CHECKING:
    from turnout.tracing.tracer import Tracer

T = TypeVar("T")


class RunSpans:
    """Makes the spans of the runs of one pipeline. Thread-safe."""

    def __init__(self, tracer: Tracer, pipeline: str) -> None:
        self._tracer = tracer
        self._pipeline = pipeline

    @contextmanager
    def run(self) -> Iterator[None]:
        """Enclose a run in a span."""
        with self._tracer.span(f"pipeline {self._pipeline}", {PIPELINE: self._pipeline}) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute(OUTCOME, pipeline_outcome_of(error))
                raise

    def progress(self, plan: PipelinePlan, inputs: Mapping[str, Any], deadline: float | None) -> Progress:
        """Return the progress of a run in the block of ``run``."""
        return TracedProgress(self._tracer, plan, inputs, deadline, self._pipeline)


class TracedProgress(Progress):
    """A progress with a span for each step, from its start to its end; its requests are children of it."""

    def __init__(
        self, tracer: Tracer, plan: PipelinePlan, inputs: Mapping[str, Any], deadline: float | None, pipeline: str
    ) -> None:
        super().__init__(plan, inputs, deadline, pipeline)
        self._tracer = tracer
        self._open: dict[str, Any] = {}

    def begin(self, name: str) -> list[InferenceRequest]:
        step = self._plan.steps[name]
        model = {} if step.model is None else {MODEL: step.model}
        self._open[name] = self._tracer.start(f"step {name}", {PIPELINE: self._pipeline, STEP: name, **model})
        requests = self._work(name, partial(super().begin, name))
        if not requests:
            self._close_span(name)
        return requests

    def within(self, name: str) -> AbstractContextManager[None]:
        return self._tracer.within(self._open[name]) if name in self._open else super().within(name)

    def end(self, name: str) -> None:
        self._work(name, partial(super().end, name))
        self._close_span(name)

    def result(self) -> PipelineResult:
        result = super().result()
        outcome = PipelineOutcome.PARTIAL if result.failures else PipelineOutcome.OK
        self._tracer.set_attributes({OUTCOME: outcome, FAILURES: len(result.failures)})
        return result

    def close(self) -> None:
        for name in list(self._open):
            self._close_span(name)

    def _work(self, name: str, work: Callable[[], T]) -> T:
        span = self._open[name]
        try:
            with self._tracer.within(span):
                return work()
        except BaseException as error:
            self._tracer.fail(span, error)
            self._close_span(name)
            raise

    def _close_span(self, name: str) -> None:
        # A run that ends at its deadline closes the span of a step that still runs in its thread.
        span = self._open.pop(name, None)
        if span is None:
            return
        for part, seconds in self._timings[name].items():
            span.set_attribute(DURATION.format(part), seconds)
        span.set_attribute(FAILURES, sum(failure.step == name for failure in self._failures))
        if name in self._unanswered:
            self._tracer.fail(span, self._unanswered[name][0].error)
        span.end()
