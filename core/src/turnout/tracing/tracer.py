"""Spans: their start, what they record, and their end."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace

from turnout.errors import one_line
from turnout.tracing import attributes as names
from turnout.tracing.carrying import (
    EXECUTION,
    REQUESTS,
    Span,
    attached,
    below,
    beside,
    carried,
    outgoing_headers,
    requests_in,
    role,
    together,
    within,
)
from turnout.tracing.incoming import Incoming
from turnout.tracing.outgoing import Outgoing

Attributes = Mapping[str, str | int]


class Tracer:
    """Makes the spans of one app. Thread-safe: what is current belongs to a thread or a task.

    Attributes:
        records: False if the provider makes no spans at all.
    """

    def __init__(self, provider: Any) -> None:
        self._tracer = provider.get_tracer("turnout", version("turnout"))
        self.records = not isinstance(self._tracer, trace.NoOpTracer)
        Outgoing.headers, Incoming.below = outgoing_headers, below

    attached = staticmethod(attached)
    carried = staticmethod(carried)
    beside = staticmethod(beside)
    together = staticmethod(together)
    within = staticmethod(within)
    present = staticmethod(contexts.get_current)

    def start(self, name: str, attributes: Attributes) -> Span:
        """Return a span that is not current anywhere; its owner ends it."""
        return self._tracer.start_span(name, attributes=attributes)

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[Span]:
        """Yield a span that is current in the block; an exception ends it as an error."""
        with _current(self.start(name, attributes)) as span:
            yield span

    @contextmanager
    def request(self, name: str, attributes: Attributes) -> Iterator[Span]:
        """Yield the span of a request, for which the executions in the block run."""
        span = self.start(name, attributes)
        with _current(span, {REQUESTS: (span,)}):
            yield span

    @contextmanager
    def execution(self, name: str, attributes: Attributes, *, remote: bool) -> Iterator[Span]:
        """Yield the span of an execution of the present requests, which are linked to it if they are several."""
        requests = requests_in()
        merged = requests if len(requests) > 1 else ()
        size = {names.BATCH_REQUESTS: len(merged)} if merged else {}
        span = self._tracer.start_span(
            name,
            kind=trace.SpanKind.CLIENT if remote else trace.SpanKind.INTERNAL,
            attributes={**attributes, **size, **role()},
            links=[trace.Link(request.get_span_context()) for request in merged],
        )
        for request in [one for one in requests if one.is_recording()]:
            request.set_attribute(names.BACKEND, attributes[names.BACKEND])
            if merged:
                request.add_link(span.get_span_context())
        with _current(span, {EXECUTION: span}):
            yield span

    @staticmethod
    def add_event(name: str, attributes: Attributes) -> None:
        """Record an event on the current span."""
        trace.get_current_span().add_event(name, attributes)

    @staticmethod
    def set_attributes(attributes: Attributes) -> None:
        """Set attributes of the current span."""
        trace.get_current_span().set_attributes(attributes)

    @staticmethod
    def exemplar() -> dict[str, str] | None:
        """Return the labels of an exemplar that leads to the current span; None if that is not sampled."""
        found = trace.get_current_span().get_span_context()
        if not found.trace_flags.sampled:
            return None
        return {"trace_id": format(found.trace_id, "032x"), "span_id": format(found.span_id, "016x")}

    @staticmethod
    def set_version(span: Span, version: str) -> None:
        """Set the version of the model that answered, if it has one."""
        if version:
            span.set_attribute(names.VERSION, version)

    @staticmethod
    def fail(span: Span, error: BaseException) -> None:
        """Record ``error`` as the reason for which ``span`` failed; a cancelled call has no fault."""
        if not span.is_recording() or isinstance(error, GeneratorExit):
            return
        span.set_attribute(names.ERROR_TYPE, _full_name(error))
        if not isinstance(error, CancelledError):
            span.set_status(trace.StatusCode.ERROR, one_line(error))

    @staticmethod
    def add_exception(span: Span, error: BaseException) -> None:
        """Record the event of ``error``, without a stack trace: it could quote values that no text may show."""
        described = {names.EXCEPTION_TYPE: _full_name(error), names.EXCEPTION_MESSAGE: one_line(error)}
        span.add_event(names.EXCEPTION, described)


@contextmanager
def _current(span: Span, values: Mapping[str, object] | None = None) -> Iterator[Span]:
    try:
        with within(span, values):
            yield span
    except BaseException as error:
        Tracer.fail(span, error)
        raise
    finally:
        span.end()


def _full_name(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}"
