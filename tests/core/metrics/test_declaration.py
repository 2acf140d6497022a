from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from turnout.metrics.declaration import CounterFamily, GaugeFamily, HistogramFamily


@pytest.mark.parametrize(
    ("meaning", "first"),
    [
        ("Requests.", "Requests."),
        ("Runs: `ok`; `failed`, which raised. More of it.", "Runs: ok; failed, which raised."),
        ("1, with the version", "1, with the version."),
    ],
)
def test_the_help_of_a_scrape_is_the_first_sentence_without_markdown(meaning: str, first: str) -> None:
    assert CounterFamily("x_total", (), "none", meaning).help == first


def test_a_family_creates_its_object_in_the_registry() -> None:
    registry = CollectorRegistry()

    CounterFamily("a_total", ("m",), "none", "A.").create(registry).labels("x").inc()
    GaugeFamily("b", ("m",), "none", "B.", "livesum").create(registry).labels("x").set(2)
    HistogramFamily("c", ("m",), "none", "C.").create(registry, (1.0,)).labels("x").observe_many([3])

    assert registry.get_sample_value("a_total", {"m": "x"}) == 1
    assert registry.get_sample_value("b", {"m": "x"}) == 2
    assert registry.get_sample_value("c_sum", {"m": "x"}) == 3
    assert {metric.name: metric.type for metric in registry.collect()} == {"a": "counter", "b": "gauge", "c": "histogram"}
