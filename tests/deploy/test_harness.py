"""The harness itself: a Prometheus scrapes an app of two workers."""

from __future__ import annotations

import pytest
from tests.deploy.gunicorn_app import ROOT, GunicornApp
from tests.deploy.load import Load
from tests.deploy.processes import get, wait_until
from tests.deploy.prometheus_server import Prometheus, PromQLError, config

pytest.importorskip("gunicorn")

YAML = f"""
models:
  birefnet:
    backend: onnxruntime
    max_batch_size: 8
    backends: {{onnxruntime: {{path: {ROOT}/model_repository/birefnet, intra_op_num_threads: 1}}}}
"""


def test_prometheus_has_the_counters_of_two_workers(tmp_path) -> None:
    settings = tmp_path / "turnout.yaml"
    settings.write_text(YAML)

    with (
        GunicornApp(tmp_path / "app", settings) as app,
        Prometheus(tmp_path, config({"turnout": [app.address]}, interval="500ms")) as prometheus,
    ):
        with Load(lambda number: f"{app.url}/infer?model=birefnet&seed={number}") as load:
            prometheus.wait_for_value("turnout_inference_requests_total{outcome='ok'} >= 20")
            pids: set[bytes] = set()
            wait_until(lambda: pids.add(get(f"{app.url}/pid")) or len(pids) == 2, what="an answer of each worker")
        prometheus.wait_for_next_scrape("turnout")

        assert set(load.statuses) == {200}
        assert prometheus.value("turnout_inference_requests_total{outcome='ok'}") == load.statuses[200]
        assert prometheus.value("up{job='turnout'}") == 1
        assert prometheus.query_range("rate(turnout_inference_requests_total{outcome='ok'}[5s])", *_last(prometheus, 20))
        with pytest.raises(PromQLError, match="parse error"):
            prometheus.query("sum(")


def _last(prometheus: Prometheus, seconds: float) -> tuple[float, float]:
    now = prometheus.value("time()")
    return now - seconds, now
