"""What a scrape collects."""

from __future__ import annotations

from prometheus_client import generate_latest

from turnout.metrics import Metrics
from turnout.metrics.registry import Scrape


def _metrics() -> Metrics:
    metrics = Metrics()
    metrics.requests("m", "b").answered.add(0.5)
    return metrics


def test_no_series_says_when_a_counter_was_created() -> None:
    text = generate_latest(_metrics().registry).decode()

    assert "turnout_inference_requests_total{" in text
    assert "_created" not in text


def test_a_scrape_of_one_name_has_that_one_only_and_is_folded() -> None:
    metrics = _metrics()

    for source in (metrics.registry, Scrape(metrics.collect)):
        chosen = source.restricted_registry(["turnout_inference_duration_seconds_count"])
        lines = [line for line in generate_latest(chosen).decode().splitlines() if not line.startswith("#")]
        assert lines == ['turnout_inference_duration_seconds_count{backend="b",model="m"} 1.0']


def test_a_scrape_has_no_family_without_samples() -> None:
    text = _metrics().render()

    assert "turnout_retries_total" not in text
    assert "# TYPE turnout_inference_in_flight gauge" in text


def test_a_scrape_has_the_process_itself() -> None:
    assert Metrics().registry.get_sample_value("process_resident_memory_bytes")
