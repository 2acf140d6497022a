"""Quantiles of the histograms of a scrape."""

from __future__ import annotations

import math

import numpy as np
import pytest

import turnout
from turnout.metrics import Metrics
from turnout_web.page.latency import Latency, quantile, read_latencies


def test_a_quantile_is_interpolated_within_its_bucket() -> None:
    assert quantile(0.95, {0.1: 0, 0.2: 100, math.inf: 100}) == pytest.approx(0.195)
    assert quantile(0.5, {0.1: 50, 0.2: 100, math.inf: 100}) == pytest.approx(0.1)


def test_a_quantile_beyond_the_last_bound_is_that_bound() -> None:
    assert quantile(0.95, {0.1: 1, 0.2: 2, math.inf: 100}) == 0.2


def test_without_counts_there_is_no_quantile() -> None:
    assert quantile(0.95, {0.1: 0, math.inf: 0}) is None


def test_requests_of_an_app_are_counted_by_model_and_backend(demo: turnout.Turnout) -> None:
    before = read_latencies(demo.metrics.collect()).get(("birefnet", "rough"), Latency())
    arm = demo.arm("birefnet", "rough")
    for _ in range(3):
        arm.infer(turnout.InferenceRequest({"pixel_values": np.zeros((1, 3, 128, 128), np.float32)}))
    arm.close()

    found = read_latencies(demo.metrics.collect())["birefnet", "rough"]

    assert found.requests == before.requests + 3
    assert found.p95_seconds is not None
    assert 0 < found.p95_seconds < 30
    assert read_latencies(Metrics().collect()) == {}
