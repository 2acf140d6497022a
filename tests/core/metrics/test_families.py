"""Metric families: names, buckets and kinds."""

from __future__ import annotations

from itertools import pairwise

from turnout.metrics import LATENCY_BUCKETS_SECONDS, Metrics


def test_buckets_are_1_1_5_2_5_4_and_6_of_each_decade_from_1_ms_to_100_s() -> None:
    assert LATENCY_BUCKETS_SECONDS[:6] == (0.001, 0.0015, 0.0025, 0.004, 0.006, 0.01)
    assert LATENCY_BUCKETS_SECONDS[-2:] == (60.0, 100.0)
    assert len(LATENCY_BUCKETS_SECONDS) == 26
    assert all(lower < upper <= 1.7 * lower for lower, upper in pairwise(LATENCY_BUCKETS_SECONDS))


def test_only_counters_histograms_and_gauges_which_the_multi_process_mode_supports() -> None:
    assert {family.type for family in Metrics().registry.collect()} == {"counter", "histogram", "gauge"}


def test_build_info_has_the_version() -> None:
    from importlib.metadata import version

    assert Metrics().registry.get_sample_value("turnout_build_info", {"version": version("turnout")}) == 1


def test_buckets_can_be_set() -> None:
    metrics = Metrics((0.1, 1.0))
    metrics.observe_load("m", "b", 0.5)

    edges = [line for line in metrics.render().splitlines() if line.startswith("turnout_model_load_duration_seconds_bucket")]

    assert [line.split('"')[3] + line[-4:] for line in edges] == ["0.1 0.0", "1.0 1.0", "+Inf 1.0"]


def test_buckets_that_end_in_infinity_are_kept() -> None:
    assert Metrics((0.1, float("inf"))).render().count('le="+Inf"') == Metrics((0.1,)).render().count('le="+Inf"')
