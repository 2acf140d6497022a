"""The PromQL of the manifests gives the right numbers, on promtool's engine and on a real Prometheus with a real app."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import promql_parser
import pytest
from tests.deploy.processes import free_port
from tests.deploy.prometheus_server import Prometheus
from tests.plugins.deploy.conftest import ROOT
from tests.plugins.deploy.documents import documents_in, load

import turnout

KUBERNETES = ROOT / "deploy/kubernetes"
[ADAPTER] = load((KUBERNETES / "components/autoscaling/adapter-values.yaml").read_text("utf-8"))
[RULE] = ADAPTER["rules"]["custom"]
[SCALER] = [one for _, one in documents_in(KUBERNETES) if one["kind"] == "HorizontalPodAutoscaler"]
[SERVICE] = [one for _, one in documents_in(ROOT / "deploy/kserve") if one["kind"] == "InferenceService"]
KSERVE = SERVICE["spec"]["predictor"]["autoScaling"]["metrics"][0]["external"]["metric"]["query"]
PODS = 'namespace="shop",pod=~"app-1|app-2|app-3"'


def of_pods(query: str) -> str:
    """Return ``query`` as the adapter asks it, for each of some pods."""
    return query.replace("<<.GroupBy>>", "namespace,pod").replace("<<.LabelMatchers>>", PODS)


def names_in(query: str) -> set[str]:
    return set(re.findall(r"\b((?:turnout|nv)_\w+)", query))


def promtool(tmp_path: Path, query: str, series: dict[str, str]) -> dict[str, float]:
    """Return the samples of ``query`` after three minutes of ``series``, by labels."""
    program = shutil.which("promtool") or pytest.skip("promtool is not installed: apt-get install prometheus")
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    expected = {"expr": query, "eval_time": "3m", "exp_samples": [{"labels": '{never="this"}', "value": 4711}]}
    test = {
        "evaluation_interval": "15s",
        "tests": [{"interval": "15s", "input_series": inputs, "promql_expr_test": [expected]}],
    }
    (tmp_path / "test.json").write_text(json.dumps(test), "utf-8")
    done = subprocess.run([program, "test", "rules", tmp_path / "test.json"], capture_output=True, text=True, check=False)
    # It fails, since no sample is the expected one, and names those that there are.
    got = (done.stdout + done.stderr).partition("got:")[2]
    found = re.findall(r'Labels:({[^}]*}|\S*)\s+Sample:\s*"?(?:{[^}]*}\s*)?([-\d.eE+NaInf]+)', got) or re.findall(
        r"({[^}]*})\s+([-\d.eE+NaInf]+)", got
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return {labels: float(value) for labels, value in found}


def test_the_wait_of_each_pod_is_its_own_mean(tmp_path: Path) -> None:
    series = {}
    for pod, wait in (("app-1", 0.2), ("app-2", 0.05)):
        labels = f'{{namespace="shop",pod="{pod}",job="turnout"}}'
        series[f"turnout_queue_duration_seconds_count{labels}"] = "0+30x20"
        series[f"turnout_queue_duration_seconds_sum{labels}"] = f"0+{30 * wait}x20"
        series[f"up{labels}"] = "1x20"
    series['up{namespace="shop",pod="app-3",job="turnout"}'] = "1x20"

    found = promtool(tmp_path, of_pods(RULE["metricsQuery"]), series)

    assert {re.search(r'pod="([^"]+)"', labels)[1]: round(value, 6) for labels, value in found.items()} == {  # type: ignore[index]
        "app-1": 0.2,
        "app-2": 0.05,
        "app-3": 0.0,
    }


def test_the_wait_in_triton_is_in_seconds_and_zero_without_requests(tmp_path: Path) -> None:
    labels = '{pod="turnout-predictor-1",model="m"}'
    busy = {f"nv_inference_queue_duration_us{labels}": "0+600000x20", f"nv_inference_request_success{labels}": "0+10x20"}
    idle = dict.fromkeys(busy, "7x20")

    assert list(promtool(tmp_path, KSERVE, busy).values()) == [pytest.approx(0.06)]
    assert list(promtool(tmp_path, KSERVE, idle).values()) == [0.0]


def test_a_planted_unit_is_found(tmp_path: Path) -> None:
    labels = '{pod="turnout-predictor-1",model="m"}'
    busy = {f"nv_inference_queue_duration_us{labels}": "0+600000x20", f"nv_inference_request_success{labels}": "0+10x20"}

    assert list(promtool(tmp_path, KSERVE.replace("1e6", "1e3"), busy).values()) != [pytest.approx(0.06)]


def test_every_query_can_be_parsed_and_names_series_that_exist() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
    triton = (ROOT / "deploy/grafana/dashboards/triton.json").read_text("utf-8")
    names = names_in(RULE["metricsQuery"]) | names_in(KSERVE)

    assert promql_parser.parse(of_pods(RULE["metricsQuery"]))
    assert promql_parser.parse(KSERVE)
    for name in names:
        base = re.sub(r"_(sum|count)$", "", name) if name.startswith("turnout") else name
        assert f"`{base}`" in page or base in triton, name


def test_the_autoscaler_asks_for_the_metric_that_the_adapter_makes() -> None:
    [queue] = [one["pods"] for one in SCALER["spec"]["metrics"] if one["type"] == "Pods"]

    assert queue["metric"]["name"] == RULE["name"]["as"]
    assert re.fullmatch(RULE["name"]["matches"], RULE["seriesQuery"].partition("{")[0])


@pytest.fixture
def app() -> Iterator[tuple[turnout.Turnout, int]]:
    """A real app whose requests wait for their batches."""
    port = free_port()
    model: dict[str, Any] = {
        "backend": "onnxruntime",
        "max_batch_size": 8,
        "dynamic_batching": {"max_queue_delay_microseconds": 20_000},
        "backends": {"onnxruntime": {"path": str(ROOT / "model_repository/birefnet"), "intra_op_num_threads": 1}},
    }
    with turnout.open({"models": {"birefnet": model}, "metrics": {"port": port}}) as opened:
        yield opened, port


def test_a_real_prometheus_sees_the_wait_of_a_real_app(tmp_path: Path, app: tuple[turnout.Turnout, int]) -> None:
    opened, port = app
    labels = {"namespace": "shop", "pod": "app-1"}
    job = {"job_name": "turnout", "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]}
    configuration = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
    pixels = {"pixel_values": np.zeros((1, 3, 128, 128), np.float32)}

    ended = threading.Event()

    def call() -> None:
        while not ended.is_set():
            opened.model("birefnet").infer(pixels)

    with Prometheus(tmp_path, configuration) as prometheus, ThreadPoolExecutor(16) as threads:
        query = of_pods(RULE["metricsQuery"])
        assert prometheus.wait_for_value(query, lambda _: True) == 0.0
        calls = [threads.submit(call) for _ in range(16)]
        try:
            waited = prometheus.wait_for_value(query)
        finally:
            ended.set()
        for one in calls:
            one.result()

    assert 0 < waited < 60


def test_the_rules_are_those_of_prometheus_and_promtool_takes_them(tmp_path: Path) -> None:
    program = shutil.which("promtool") or pytest.skip("promtool is not installed: apt-get install prometheus")
    rules = {file: one for file, one in documents_in(KUBERNETES) if one["kind"] == "PrometheusRule"}
    originals = sorted((ROOT / "deploy/prometheus").glob("*.rules.yml"))

    assert len(rules) == len(originals) == 4
    for original in originals:
        found = rules[f"components/monitoring/{original.name.removesuffix('.rules.yml')}-rules.yaml"]
        assert [found["spec"]] == load(original.read_text("utf-8"))
        (tmp_path / original.name).write_text(json.dumps(found["spec"]), "utf-8")
    done = subprocess.run([program, "check", "rules", *tmp_path.iterdir()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_planted_wrong_expression_is_refused(tmp_path: Path) -> None:
    program = shutil.which("promtool") or pytest.skip("promtool is not installed: apt-get install prometheus")
    rule = next(one for _, one in documents_in(KUBERNETES) if one["kind"] == "PrometheusRule")
    rule["spec"]["groups"][0]["rules"][0]["expr"] = "sum by (model"
    (tmp_path / "wrong.yml").write_text(json.dumps(rule["spec"]), "utf-8")

    done = subprocess.run([program, "check", "rules", tmp_path / "wrong.yml"], capture_output=True, text=True, check=False)

    assert done.returncode != 0
