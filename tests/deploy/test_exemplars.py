"""A real Prometheus keeps the exemplars of a traced app, and each leads to the span of a request."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from tests.deploy.processes import free_port, wait_until
from tests.deploy.prometheus_server import Prometheus, config
from tests.traces import Traces, id_of

import turnout
from turnout.metrics import Metrics

ROOT = Path(__file__).parents[2]
QUERY = 'turnout_inference_duration_seconds_bucket{model="birefnet"}'


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    return Traces().install(monkeypatch)


def test_prometheus_returns_the_trace_of_a_request(traces: Traces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    port, start = free_port(), time.time()
    settings = {**YAML(typ="safe").load(ROOT / "turnout.yaml"), "backend": "onnxruntime", "metrics": {"port": port}}
    found = []

    def kept() -> bool:
        found[:] = prometheus.api("query_exemplars", query=QUERY, start=start - 1, end=time.time() + 1)
        return bool(found)

    with (
        turnout.open(settings, metrics=Metrics()) as app,
        Prometheus(tmp_path, config({"turnout": [f"127.0.0.1:{port}"]})) as (prometheus),
    ):
        for _ in range(5):
            app.model("birefnet").infer({"pixel_values": np.zeros((1, 3, 128, 128), np.float32)})
        wait_until(kept, seconds=30, what="an exemplar")

    requests = {f"{id_of(span):016x}": span for span in traces.named("request birefnet")}
    exemplars = [exemplar for series in found for exemplar in series["exemplars"]]
    assert exemplars
    for exemplar in exemplars:
        request = requests[exemplar["labels"]["span_id"]]
        assert exemplar["labels"]["trace_id"] == f"{request.context.trace_id:032x}"
        seconds = (request.end_time or 0) / 1e9 - (request.start_time or 0) / 1e9
        # The meter is within the span.
        assert 0 < float(exemplar["value"]) <= seconds
