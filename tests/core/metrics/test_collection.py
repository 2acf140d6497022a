"""The metrics of a process: rendered, shared, and summed over several processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import start_http_server

from turnout.errors import ConfigurationError
from turnout.metrics import Metrics, render, shared_metrics

PROMTOOL = shutil.which("promtool")


def _metrics_with_calls() -> Metrics:
    metrics = Metrics()
    meter = metrics.requests("m", "b")
    meter.answered.add(0.002)
    meter.failed["error"].add(0.003)
    metrics.observe_load("m", "b", 1.5)
    metrics.pipeline("p", {"s": ("preprocess", "inference")}).observe_run(0.5, {"s": {"preprocess": 0.1, "inference": 0.3}})
    return metrics


def test_a_scrape_folds_what_is_pending() -> None:
    text = _metrics_with_calls().render()

    assert 'turnout_inference_requests_total{backend="b",model="m",outcome="ok"} 1.0' in text
    assert 'turnout_inference_requests_total{backend="b",model="m",outcome="error"} 1.0' in text
    assert 'turnout_inference_duration_seconds_count{backend="b",model="m"} 2.0' in text
    assert 'turnout_execution_duration_seconds_count{backend="b",model="m"} 2.0' in text
    assert 'turnout_model_load_duration_seconds_sum{backend="b",model="m"} 1.5' in text
    assert 'turnout_pipeline_duration_seconds_sum{pipeline="p"} 0.5' in text
    assert 'turnout_step_duration_seconds_sum{part="inference",pipeline="p",step="s"} 0.3' in text


def test_a_pipeline_has_one_meter_however_often_it_is_opened() -> None:
    metrics, parts = Metrics(), {"s": ("process",)}

    meters = [metrics.pipeline("p", parts) for _ in range(2)]
    for meter in meters:
        meter.observe_run(0.5, {"s": {"process": 0.1}})

    assert meters[0] is meters[1]
    assert metrics.pipeline("p", {"t": ("process",)}) is not meters[0]
    assert metrics.registry.get_sample_value("turnout_pipeline_duration_seconds_count", {"pipeline": "p"}) == 2


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_accepts_the_text() -> None:
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=_metrics_with_calls().render(), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_rejects_a_bad_name() -> None:
    text = "# TYPE turnout_requests counter\nturnout_requests 1\n"

    assert _promtool(text).returncode != 0


def _promtool(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, text=True, check=False)


def test_prometheus_own_server_can_serve_the_registry() -> None:
    server, thread = start_http_server(0, addr="127.0.0.1", registry=_metrics_with_calls().registry)

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=20) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)

    assert 'turnout_inference_requests_total{backend="b",model="m",outcome="ok"} 1.0' in text


def test_one_arm_has_one_meter() -> None:
    metrics = Metrics()

    assert metrics.requests("m", "b") is metrics.requests("m", "b")


SHARED = """
import turnout.metrics as metrics
from turnout.errors import ConfigurationError

assert "turnout_build_info" in metrics.render()
shared = metrics.shared_metrics()
assert metrics.shared_metrics() is shared
try:
    metrics.shared_metrics((0.1, 1.0))
except ConfigurationError as error:
    print(error)
shared.requests("m", "b").answered.add(0.1)
assert 'outcome="ok"} 1.0' in metrics.render()
"""


def test_a_process_shares_its_metrics_and_refuses_other_buckets() -> None:
    done = subprocess.run([sys.executable, "-c", SHARED], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("metrics.latency_buckets_seconds is [0.1, 1.0], but the metrics of this process have [0.001,")
    assert "open(..., metrics=turnout.metrics.Metrics(buckets))" in done.stdout


def test_other_buckets_than_the_shared_ones_are_refused_in_this_process_too() -> None:
    render()

    with pytest.raises(ConfigurationError, match="open both apps with the same buckets"):
        shared_metrics((0.123, 4.56))


WORKER = """
import numpy as np
from turnout import InferenceRequest
from turnout.metrics import shared_metrics
from turnout.middleware.meter import Meter
from turnout.testing import PlusOne

metrics = shared_metrics()
model = Meter(PlusOne(), metrics.requests("m", "b"))
for _ in range(500):
    model.infer(InferenceRequest({"x": np.ones(1, np.float32)}))
print(model.inner.ready(), flush=True)
input()
"""


def test_in_multi_process_mode_three_processes_add_up_exactly(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]

    try:
        ready = [worker.stdout.readline().strip() for worker in workers if worker.stdout]
        scrape = [sys.executable, "-c", "from turnout.metrics import render; print(render())"]
        text = subprocess.run(scrape, env=environment, capture_output=True, text=True, check=True).stdout
    finally:
        for worker in workers:
            worker.communicate("\n", timeout=60)

    assert ready == ["True"] * 3
    assert _sample(text, "turnout_inference_requests_total", 'outcome="ok"') == 1500
    assert _sample(text, "turnout_inference_duration_seconds_count") == 1500
    assert _sample(text, "turnout_execution_duration_seconds_count") == 1500
    assert _sample(text, "turnout_inference_in_flight") == 0
    assert _sample(text, "turnout_build_info") == 1


def _sample(text: str, name: str, label: str = "") -> float:
    [line] = [line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line) and label in line]
    return float(line.rsplit(" ", 1)[1])
