"""W3C's trace context: a request is traced below the caller that sent it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient
from tests.plugins.web.demo_server import REPOSITORY

import turnout
from turnout_web.application import create_application
from turnout_web.settings import ServeSettings

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
BODY = {
    "inputs": [
        {"name": "pixel_values", "shape": [1, 3, 128, 128], "datatype": "FP32", "data": np.zeros(3 * 128 * 128).tolist()}
    ]
}


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


@pytest.fixture(scope="module")
def client(spans: InMemorySpanExporter) -> Iterator[TestClient]:
    path = str(REPOSITORY / "model_repository/birefnet")
    models = {"m": {"backend": "onnxruntime", "backends": {"onnxruntime": {"path": path, "intra_op_num_threads": 1}}}}
    with turnout.open({"tracing": True, "models": models}, listen=False) as app:
        yield TestClient(create_application(app, ServeSettings()), "http://127.0.0.1", raise_server_exceptions=False)


def test_a_request_is_traced_below_its_caller(client: TestClient, spans: InMemorySpanExporter) -> None:
    spans.clear()

    assert client.post("/v2/models/m/infer", json=BODY, headers={"traceparent": PARENT}).status_code == 200

    found = spans.get_finished_spans()
    assert {format(span.context.trace_id, "032x") for span in found} == {TRACE}
    assert CALLER in {format(span.parent.span_id, "016x") for span in found if span.parent}


@pytest.mark.parametrize("header", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", PARENT + "x" * 600])
def test_a_wrong_header_begins_a_trace_of_its_own(client: TestClient, spans: InMemorySpanExporter, header: str) -> None:
    spans.clear()

    assert client.post("/v2/models/m/infer", json=BODY, headers={"traceparent": header}).status_code == 200

    found = spans.get_finished_spans()
    assert found
    assert TRACE not in {format(span.context.trace_id, "032x") for span in found}
