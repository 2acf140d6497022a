"""A trace goes on in Triton: its own spans, which it exports itself, are below the execution that called it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
import pytest
from tests.plugins.triton.client.proxies import proxy
from tests.plugins.triton.client.urls import url_of
from tests.plugins.triton.conftest import AT_ONCE
from tests.traces import Traces, id_of

import turnout
from turnout import Turnout
from turnout.errors import TurnoutError
from turnout.metrics import Metrics
from turnout.tracing.switch import find_tracer
from turnout_triton.client.connection_settings import ConnectionSettings
from turnout_triton.client.endpoints import parse_endpoint
from turnout_triton.client.grpc.transport import GrpcTransport
from turnout_triton.client.messages import KServeRequest
from turnout_triton.server import LocalServer

X = np.ones((1, 2), np.float32)
LARGE = np.ones((1, 100_000), np.float32)


class Collector:
    """Receives the spans that Triton exports, as JSON."""

    def __init__(self) -> None:
        self._parents: set[tuple[str, str]] = set()
        self._came = threading.Condition()

    def keep(self, body: bytes) -> None:
        scopes = (scope for resource in json.loads(body)["resourceSpans"] for scope in resource["scopeSpans"])
        spans = [span for scope in scopes for span in scope["spans"]]
        with self._came:
            self._parents |= {(span["traceId"].lower(), span.get("parentSpanId", "").lower()) for span in spans}
            self._came.notify_all()

    def has_child(self, trace_id: str, parent: str) -> bool:
        """Return whether a span with this parent has come, or comes soon."""
        with self._came:
            return self._came.wait_for(lambda: (trace_id, parent) in self._parents, 10)


@pytest.fixture(scope="module")
def collected() -> Iterator[tuple[str, Collector]]:
    """Return the URL of a collector, and the collector."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.keep(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", collector
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def traced_server(small_repository, collected) -> Iterator[LocalServer]:
    """Yield a real server that exports its spans."""
    settings = ("mode=opentelemetry", "level=TIMESTAMPS", "rate=1", f"opentelemetry,url={collected[0]}")
    arguments = tuple(f"--trace-config={one}" for one in (*settings, "opentelemetry,bsp_schedule_delay=100"))
    with LocalServer(small_repository, replace(AT_ONCE, arguments=arguments)) as running:
        yield running


@pytest.fixture
def traces(monkeypatch) -> Traces:
    return Traces().install(monkeypatch)


@pytest.fixture
def open_app(traces) -> Iterator[Callable[..., Turnout]]:
    """Opens apps with the model ``identity`` at a URL."""
    with contextlib.ExitStack() as stack:

        def open_at(url: str | list[str], more: dict | None = None, **options: object) -> Turnout:
            model = {"backend": "triton", "backends": {"triton": {"url": url, **options}}}
            return stack.enter_context(turnout.open({"models": {"identity": model}, **(more or {})}, metrics=Metrics()))

        yield open_at


def of(span) -> bytes:
    return f"00-{span.context.trace_id:032x}-{id_of(span):016x}".encode()


def is_below(collector: Collector, span) -> bool:
    """Return whether a span of the server has ``span`` as its parent."""
    return collector.has_child(f"{span.context.trace_id:032x}", f"{id_of(span):016x}")


@pytest.mark.parametrize("shared", ["off", "auto"])
def test_the_servers_spans_are_below_the_execution(traced_server, protocol, shared, open_app, traces, collected) -> None:
    app = open_app(url_of(traced_server, protocol), shared_memory=shared)
    model = app.model("identity")

    with traces.tracer.start_as_current_span("caller"):
        model.infer({"x": X})  # over gRPC's channel
        model.infer({"x": X})  # over a connection of our own
        model.infer({"x": X}, id="named")
        model.infer({"x": LARGE})
    asyncio.run(model.ainfer({"x": X}))

    executions = traces.named("execution identity")
    assert len(executions) == 5
    assert len({span.context.trace_id for span in executions}) == 2
    lost = [execution for execution in executions if not is_below(collected[1], execution)]
    # Server 2.51 begins a trace of its own for one gRPC request in a hundred, whose metadata has the header as all others do:
    # the two tests that follow, and those of the metadata, are about each request.
    assert len(lost) <= (1 if protocol == "grpc" else 0)


def test_the_wire_carries_one_traceparent_for_each_request(traced_server, protocol, open_app, traces) -> None:
    target = traced_server.grpc_url if protocol == "grpc" else traced_server.http_url

    with proxy(target) as (address, seen):
        model = open_app(f"{protocol}://{address}", shared_memory="off").model("identity")
        for _ in range(4):
            model.infer({"x": X})

        # gRPC's own channel, which sends the first, compresses its headers.
        plain = traces.named("execution identity")[1 if protocol == "grpc" else 0 :]
        for execution in plain:
            assert seen.count(of(execution)) == 1
        assert seen.count(b"traceparent") >= len(plain)


def test_an_execution_names_its_server(traced_server, protocol, open_app, traces) -> None:
    open_app(url_of(traced_server, protocol)).model("identity").infer({"x": X})

    execution = traces.one("execution identity")
    attributes = execution.attributes or {}
    port = traced_server.ports.grpc if protocol == "grpc" else traced_server.ports.http
    assert execution.kind.name == "CLIENT"
    assert attributes["turnout.model.version"] == "1"
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", port)
    if protocol == "grpc":
        assert attributes["rpc.method"] == "inference.GRPCInferenceService/ModelInfer"
    else:
        assert attributes["http.request.method"] == "POST"


def test_of_two_replicas_the_one_that_answered_is_named(traced_server, protocol, open_app, traces) -> None:
    url = url_of(traced_server, protocol)
    dead = f"{url.partition('://')[0]}://127.0.0.1:9" if "://" in url else "127.0.0.1:9"

    open_app([dead, url]).model("identity").infer({"x": X})

    attributes = traces.one("execution identity").attributes or {}
    assert attributes["server.port"] == (traced_server.ports.grpc if protocol == "grpc" else traced_server.ports.http)


def test_an_app_that_is_not_traced_sends_no_header(traced_server, protocol, open_app, traces) -> None:
    target = traced_server.grpc_url if protocol == "grpc" else traced_server.http_url

    with proxy(target) as (address, seen), traces.tracer.start_as_current_span("caller"):
        model = open_app(f"{protocol}://{address}", {"tracing": False}, shared_memory="off").model("identity")
        for _ in range(3):
            model.infer({"x": X})

    assert b"traceparent" not in seen
    assert [span.name for span in traces.ended] == ["caller"]


class Recorder(grpc.GenericRpcHandler):
    """Records the metadata of each call, which is refused."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, str]] = []

    def service(self, details: Any) -> Any:
        self.metadata.append(dict(details.invocation_metadata))
        return None


def test_both_kinds_of_grpc_calls_have_it_in_their_metadata(traces) -> None:
    recorder = Recorder()
    server = grpc.server(ThreadPoolExecutor(1), handlers=(recorder,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    request = KServeRequest("m", "", "", {}, (), ())
    tracer = find_tracer(asked=True)
    assert tracer is not None

    with contextlib.closing(GrpcTransport(parse_endpoint(f"127.0.0.1:{port}", "m"), ConnectionSettings())) as transport:
        for call in (transport.infer, lambda *values: list(transport.stream(*values))):
            with tracer.execution("call", {"turnout.backend": "triton"}, remote=True), contextlib.suppress(TurnoutError):
                call(request, 20)
    server.stop(0).wait()

    first, second = traces.named("call")
    assert [one["traceparent"][: len(of(first))].encode() for one in recorder.metadata] == [of(first), of(second)]
    methods = [(span.attributes or {})["rpc.method"] for span in (first, second)]
    assert [method.rpartition("/")[2] for method in methods] == ["ModelInfer", "ModelStreamInfer"]


def test_a_server_that_is_gone_is_an_error_of_the_execution_and_a_good_request_follows(
    traced_server, protocol, open_app, traces
) -> None:
    app = open_app("127.0.0.1:9" if protocol == "grpc" else "http://127.0.0.1:9")
    good = open_app(url_of(traced_server, protocol)).model("identity")

    with pytest.raises(TurnoutError):
        app.model("identity").infer({"x": X}, timeout_seconds=2)
    good.infer({"x": X})

    failed, answered = traces.named("request identity")
    assert failed.status.status_code.name == "ERROR"
    assert (failed.attributes or {})["turnout.outcome"] == "unavailable"
    assert (answered.attributes or {})["turnout.outcome"] == "ok"
