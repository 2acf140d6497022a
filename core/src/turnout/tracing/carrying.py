"""The current context of OpenTelemetry: which span, and which requests, the code of a thread or task works for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from turnout.tracing import attributes as names
from turnout.tracing.outgoing import Headers

Span = Any
Context = Any
T = TypeVar("T")

REQUESTS = contexts.create_key("turnout-requests")
EXECUTION = contexts.create_key("turnout-execution")
ROLE = contexts.create_key("turnout-role")
_MOST_CHARACTERS = 512  # as many as W3C asks everybody to carry on in tracestate
# The baggage of a caller may hold data of its users, and is not sent to servers.
_W3C = TraceContextTextMapPropagator()


@contextmanager
def attached(context: Context) -> Iterator[None]:
    """Make ``context`` the current one in the block."""
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)


@contextmanager
def below(headers: Mapping[str, str]) -> Iterator[None]:
    """Let the block run below the span of a caller on another machine, which W3C's ``headers`` name, if they are right."""
    usable = {name: value for name, value in headers.items() if _can_be_sent(value)}
    with attached(_W3C.extract(usable, contexts.get_current())):
        yield


@contextmanager
def within(span: Span, values: Mapping[str, object] | None = None) -> Iterator[None]:
    """Make ``span`` the current one in the block, and ``values`` those of its context."""
    context = trace.set_span_in_context(span)
    for key, value in (values or {}).items():
        context = contexts.set_value(key, value, context)
    with attached(context):
        yield


def carried(work: Callable[[], T]) -> Callable[[], T]:
    """Return ``work``, so that it runs in the context of this call, in whichever thread it is called."""
    context = contexts.get_current()

    def run() -> T:
        with attached(context):
            return work()

    return run


@contextmanager
def together(waiting: Sequence[Context]) -> Iterator[None]:
    """Let the block run for the requests of all contexts ``waiting``.

    The first request that is sampled is the parent of its spans: a batch that holds one must not be missing in its trace.
    """
    requests = tuple(request for context in waiting for request in requests_in(context))
    sampled = (context for context in waiting if trace.get_current_span(context).get_span_context().trace_flags.sampled)
    with attached(contexts.set_value(REQUESTS, requests, next(sampled, waiting[0]))):
        yield


@contextmanager
def beside(caller: Context) -> Iterator[None]:
    """Let the block run below the request of ``caller``, as its shadow."""
    with attached(contexts.set_value(ROLE, {names.ROLE: names.SHADOW}, contexts.set_value(REQUESTS, (), caller))):
        yield


def requests_in(context: Context | None = None) -> tuple[Span, ...]:
    """Return the spans of the requests that ``context``, or the current one, runs for."""
    found: Any = contexts.get_value(REQUESTS, context)
    return found or ()


def role() -> Mapping[str, str]:
    """Return the attributes of an execution that is not the answer to a request."""
    found: Any = contexts.get_value(ROLE)
    return found or {}


def outgoing_headers(server: Mapping[str, str | int]) -> Headers:
    """Return W3C's headers of the present execution, on whose span ``server`` is recorded."""
    span: Any = contexts.get_value(EXECUTION)
    if span is None:
        return ()
    if span.is_recording():
        span.set_attributes(server)
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span))
    return tuple((name, value) for name, value in carrier.items() if _can_be_sent(value))


def _can_be_sent(value: str) -> bool:
    return len(value) <= _MOST_CHARACTERS and value.isascii() and value.isprintable()
