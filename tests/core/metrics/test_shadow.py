from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, generate_latest

from turnout.metrics.labels import Verdict
from turnout.metrics.shadow import ShadowMetrics

ARMS = {"model": "m", "backend": "a", "shadow": "b"}


def test_each_verdict_has_a_series_from_the_start() -> None:
    registry = CollectorRegistry()
    meter = ShadowMetrics(registry, (0.1, 1.0)).meter("m", "a", "b")

    meter.count(Verdict.MISMATCH, 0.5)

    counts = {
        verdict: registry.get_sample_value("turnout_shadow_comparisons_total", {**ARMS, "verdict": verdict})
        for verdict in Verdict
    }
    assert counts == {"match": 0, "mismatch": 1, "error": 0, "dropped": 0}


def test_error_buckets_are_powers_of_ten_and_the_sum_stays_finite() -> None:
    registry = CollectorRegistry()
    meter = ShadowMetrics(registry, (0.1, 1.0)).meter("m", "a", "b")

    for error in (0.0, 2e-3, math.inf):
        meter.count(Verdict.MATCH, error)
    meter.count(Verdict.ERROR)

    assert registry.get_sample_value("turnout_parity_max_abs_error_bucket", {**ARMS, "le": "0.01"}) == 2
    assert registry.get_sample_value("turnout_parity_max_abs_error_bucket", {**ARMS, "le": "10000.0"}) == 2
    assert registry.get_sample_value("turnout_parity_max_abs_error_count", ARMS) == 3
    assert math.isfinite(registry.get_sample_value("turnout_parity_max_abs_error_sum", ARMS) or math.inf)


def test_the_same_shadow_has_the_same_meter() -> None:
    metrics = ShadowMetrics(CollectorRegistry(), (0.1, 1.0))

    assert metrics.meter("m", "a", "b") is metrics.meter("m", "a", "b")
    assert metrics.meter("m", "a", "b") is not metrics.meter("m", "b", "a")


def test_the_families_have_their_documented_names() -> None:
    registry = CollectorRegistry()
    ShadowMetrics(registry, (0.1, 1.0)).meter("m", "a", "b")

    text = generate_latest(registry).decode()

    assert "# TYPE turnout_shadow_comparisons_total counter" in text
    assert "# TYPE turnout_parity_max_abs_error histogram" in text
    assert "# TYPE turnout_shadow_duration_seconds histogram" in text


def test_the_latencies_of_both_answers_stand_side_by_side() -> None:
    registry = CollectorRegistry()
    meter = ShadowMetrics(registry, (0.1, 1.0)).meter("m", "a", "b")

    meter.observe(0.05, 0.5)
    meter.observe(0.05, 2.0)

    def value(part: str, backend: str, role: str, **more: str) -> float | None:
        labels = {"model": "m", "backend": backend, "role": role, **more}
        return registry.get_sample_value(f"turnout_shadow_duration_seconds_{part}", labels)

    assert [value("count", "a", "serves"), value("count", "b", "shadow")] == [2, 2]
    assert [value("bucket", "a", "serves", le="0.1"), value("bucket", "b", "shadow", le="0.1")] == [2, 0]
    assert value("bucket", "b", "shadow", le="1.0") == 1
