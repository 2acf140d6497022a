"""Exemplars: a recent trace for each bucket, in OpenMetrics, without a cost for what is not traced."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar

from turnout.metrics import Metrics, Outcome
from turnout.metrics.calls import PENDING_LIMIT

BUCKETS = (0.01, 0.1, 1.0)
TRACE = {"trace_id": 32 * "a", "span_id": 16 * "b"}


def exemplars(metrics: Metrics) -> dict[str, Exemplar]:
    """Return the exemplars of the request histogram by the upper edges of their buckets, as Prometheus reads them."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    [family] = [family for family in families if family.name == "turnout_inference_duration_seconds"]
    return {sample.labels["le"]: sample.exemplar for sample in family.samples if sample.exemplar}


def test_each_bucket_keeps_its_latest_trace() -> None:
    metrics = Metrics(BUCKETS)
    traces = iter({"trace_id": name} for name in "abcd")
    answered = metrics.requests("m", "b", exemplar=lambda: next(traces)).answered

    for seconds in (0.005, 0.05, 0.007, 5.0):
        answered.add(seconds)

    found = exemplars(metrics)
    assert {edge: (exemplar.labels["trace_id"], exemplar.value) for edge, exemplar in found.items()} == {
        "0.01": ("c", 0.007),
        "0.1": ("b", 0.05),
        "+Inf": ("d", 5.0),
    }
    assert all(exemplar.timestamp for exemplar in found.values())


@pytest.mark.parametrize("seconds", [0.01, 0.1, 1.0])
def test_a_value_on_the_edge_is_an_exemplar_of_the_bucket_that_counts_it(seconds: float) -> None:
    metrics = Metrics(BUCKETS)

    metrics.requests("m", "b", exemplar=lambda: TRACE).answered.add(seconds)

    assert list(exemplars(metrics)) == [str(seconds)]


def test_a_failed_call_has_one_too() -> None:
    metrics = Metrics(BUCKETS)

    metrics.requests("m", "b", exemplar=lambda: TRACE).failed[Outcome.ERROR].add(0.05)

    assert exemplars(metrics)["0.1"].labels == TRACE


def test_a_call_whose_trace_is_not_kept_has_none() -> None:
    metrics = Metrics(BUCKETS)

    metrics.requests("m", "b", exemplar=lambda: None).answered.add(0.05)

    assert not exemplars(metrics)


def test_calls_are_counted_as_without_exemplars() -> None:
    metrics = Metrics(BUCKETS)
    answered = metrics.requests("m", "b", exemplar=lambda: TRACE).answered

    for _ in range(2 * PENDING_LIMIT + 10):
        answered.add(0.05)

    labels = {"model": "m", "backend": "b"}
    value = metrics.registry.get_sample_value
    assert value("turnout_inference_duration_seconds_bucket", {**labels, "le": "0.1"}) == 2 * PENDING_LIMIT + 10
    assert value("turnout_inference_requests_total", {**labels, "outcome": "ok"}) == 2 * PENDING_LIMIT + 10


def test_an_arm_that_is_not_traced_appends_to_a_plain_deque() -> None:
    metrics = Metrics(BUCKETS)
    traced = metrics.requests("m", "b", exemplar=lambda: TRACE)

    plain = metrics.requests("m", "b")

    assert type(plain.answered.pending) is deque
    assert plain is not traced
    assert plain.in_flight is traced.in_flight


def test_the_multi_process_mode_has_none(tmp_path: Path) -> None:
    program = (
        "from turnout.metrics import Metrics; metrics = Metrics(); "
        "metrics.requests('m', 'b', exemplar=lambda: {'trace_id': 'a'}).answered.add(0.05); print(metrics.render())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    assert 'turnout_inference_duration_seconds_count{backend="b",model="m"} 1.0' in done.stdout
