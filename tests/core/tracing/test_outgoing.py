"""What an execution carries to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context
from tests.traces import Traces, id_of

from turnout import InferenceRequest, InferenceResponse, ModelInference, Turnout
from turnout.tracing import Headers, outgoing_headers

MakeApp = Callable[..., Turnout]
ROW = {"x": np.ones((1, 2), np.float32)}


class Remote(ModelInference):
    """Records the headers that it would send."""

    def __init__(self) -> None:
        self.sent: list[Headers] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.sent.append(outgoing_headers({"server.address": "triton", "server.port": 8001}))
        return InferenceResponse(dict(request.inputs), request.id)


class AwaitedRemote(Remote):
    """Has a coroutine of its own."""

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        await asyncio.sleep(0)
        return self.infer(request)


def traceparent(span: Any) -> str:
    return f"00-{span.context.trace_id:032x}-{id_of(span):016x}-{span.context.trace_flags:02x}"


def call(app: Turnout) -> None:
    app.model("m").infer(ROW)


def await_it(app: Turnout) -> None:
    asyncio.run(app.model("m").ainfer(ROW))


def stream(app: Turnout) -> None:
    assert len(list(app.model("m").infer_stream(ROW))) == 1


def call_in_a_thread(app: Turnout) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call, app).result()


@pytest.mark.parametrize("kind", [Remote, AwaitedRemote])
@pytest.mark.parametrize("send", [call, await_it, stream, call_in_a_thread])
def test_the_execution_is_the_parent_of_the_servers_spans(
    make_app: MakeApp, traces: Traces, kind: type[Remote], send: Callable[[Turnout], None]
) -> None:
    remote = kind()

    send(make_app({"m": lambda: remote}))

    execution = traces.one("execution m")
    assert remote.sent == [(("traceparent", traceparent(execution)),)]
    assert (execution.attributes or {})["server.address"] == "triton"
    assert (execution.attributes or {})["server.port"] == 8001


@pytest.fixture
def foreign_caller() -> Iterator[SpanContext]:
    """Make a span of another process the current one, with a state and with baggage."""
    state = TraceState([("vendor", "value")])
    parent = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED), trace_state=state)
    token = context.attach(baggage.set_baggage("user", "alice", set_span_in_context(NonRecordingSpan(parent))))
    yield parent
    context.detach(token)


def test_the_trace_of_the_caller_goes_on_without_its_baggage(
    make_app: MakeApp, traces: Traces, foreign_caller: SpanContext
) -> None:
    remote = Remote()

    make_app({"m": lambda: remote}).model("m").infer(ROW)

    [headers] = remote.sent
    assert dict(headers) == {"traceparent": traceparent(traces.one("execution m")), "tracestate": "vendor=value"}
    assert traces.one("request m").parent == foreign_caller


def test_a_trace_that_is_not_sampled_says_so_to_the_server(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    Traces(sampler=ALWAYS_OFF).install(monkeypatch)
    remote = Remote()

    make_app({"m": lambda: remote}).model("m").infer(ROW)

    [[(name, value)]] = remote.sent
    assert name == "traceparent"
    assert not int(value[-2:], 16) & TraceFlags.SAMPLED


def test_an_app_that_is_not_traced_carries_nothing_beside_one_that_is(make_app: MakeApp, traces: Traces) -> None:
    traced, other = Remote(), Remote()
    first, second = make_app({"m": lambda: traced}), make_app({"m": lambda: other}, tracing=False)

    with traces.tracer.start_as_current_span("caller"):
        first.model("m").infer(ROW)
        second.model("m").infer(ROW)

    assert len(traced.sent[0]) == 1
    assert other.sent == [()]


def test_a_state_that_is_too_long_is_left_out(make_app: MakeApp, traces: Traces) -> None:
    state = TraceState([(f"vendor{number}", 50 * "x") for number in range(20)])
    parent = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED), trace_state=state)
    token = context.attach(set_span_in_context(NonRecordingSpan(parent)))
    remote = Remote()

    make_app({"m": lambda: remote}).model("m").infer(ROW)
    context.detach(token)

    assert [name for name, _ in remote.sent[0]] == ["traceparent"]
