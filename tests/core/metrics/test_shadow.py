from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, generate_latest

from turnout.metrics.labels import Verdict
from turnout.metrics.shadow import ShadowMetrics

ARMS = {"model": "m", "backend": "a", "shadow": "b"}


def test_each_verdict_has_a_series_from_the_start() -> None:
    registry = CollectorRegistry()
    meter = ShadowMetrics(registry).meter("m", "a", "b")

    meter.count(Verdict.MISMATCH, 0.5)

    counts = {
        verdict: registry.get_sample_value("turnout_shadow_comparisons_total", {**ARMS, "verdict": verdict})
        for verdict in Verdict
    }
    assert counts == {"match": 0, "mismatch": 1, "error": 0, "dropped": 0}


def test_error_buckets_are_powers_of_ten_and_the_sum_stays_finite() -> None:
    registry = CollectorRegistry()
    meter = ShadowMetrics(registry).meter("m", "a", "b")

    for error in (0.0, 2e-3, math.inf):
        meter.count(Verdict.MATCH, error)
    meter.count(Verdict.ERROR)

    assert registry.get_sample_value("turnout_parity_max_abs_error_bucket", {**ARMS, "le": "0.01"}) == 2
    assert registry.get_sample_value("turnout_parity_max_abs_error_bucket", {**ARMS, "le": "10000.0"}) == 2
    assert registry.get_sample_value("turnout_parity_max_abs_error_count", ARMS) == 3
    assert math.isfinite(registry.get_sample_value("turnout_parity_max_abs_error_sum", ARMS) or math.inf)


def test_the_same_shadow_has_the_same_meter() -> None:
    metrics = ShadowMetrics(CollectorRegistry())

    assert metrics.meter("m", "a", "b") is metrics.meter("m", "a", "b")
    assert metrics.meter("m", "a", "b") is not metrics.meter("m", "b", "a")


def test_the_families_have_their_documented_names() -> None:
    registry = CollectorRegistry()
    ShadowMetrics(registry).meter("m", "a", "b")

    text = generate_latest(registry).decode()

    assert "# TYPE turnout_shadow_comparisons_total counter" in text
    assert "# TYPE turnout_parity_max_abs_error histogram" in text
