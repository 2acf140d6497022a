"""The text is that of prometheus_client, byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from turnout.metrics import Metrics
from turnout.metrics.text_format import TextFormat

ENCODERS = {"text": generate_latest, "OpenMetrics": generate_openmetrics}
NUMBERS = st.floats().map(lambda value: value or 0.0)  # a zero has no sign here


@pytest.mark.parametrize("name", ENCODERS)
def test_the_text_of_an_apps_metrics_is_the_same_at_each_scrape(name: str) -> None:
    metrics, encode = Metrics(), ENCODERS[name]
    format = TextFormat(encode)

    for _ in range(3):
        metrics.requests("m", "b").answered.add(0.5)
        metrics.pipeline("p", {"s": ("process",)}).observe_run(0.5, {"s": {"process": 0.25}})
        text = format.text(_without_the_process(metrics))
        assert text.encode() == encode(_Fixed(_without_the_process(metrics)))


@pytest.mark.parametrize("name", ENCODERS)
@given(values=st.lists(NUMBERS, min_size=3, max_size=3), label=st.text(), text=st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_value_label_and_help_is_written_as_prometheus_client_does(
    name: str, values: list[float], label: str, text: str
) -> None:
    registry, encode = CollectorRegistry(), ENCODERS[name]
    gauge = Gauge("g", text, ["l"], registry=registry)
    counter = Counter("c", text, registry=registry)
    histogram = Histogram("h", text, ["l"], registry=registry, buckets=(0.1, 1e9))
    format = TextFormat(encode)

    for value in values:
        gauge.labels(label).set(value)
        counter.inc(abs(value) if value == value else 0)
        histogram.labels(label).observe(value)
        found = [_clean(metric) for metric in registry.collect()]
        assert format.text(found).encode() == encode(_Fixed(found))


def test_an_exemplar_is_written_in_the_scrape_that_has_it_only() -> None:
    registry = CollectorRegistry()
    counter = Counter("c", "C.", registry=registry)
    format = TextFormat(generate_openmetrics)

    for exemplar in ({"trace_id": "a"}, {"trace_id": "b"}):
        counter.inc(1, exemplar)
        found = [_clean(metric) for metric in registry.collect()]
        assert format.text(found).encode() == generate_openmetrics(_Fixed(found))
    found[0].samples = [sample._replace(exemplar=None) for sample in found[0].samples]
    assert format.text(found).encode() == generate_openmetrics(_Fixed(found))


def test_a_family_whose_labels_have_changed_gets_the_new_ones() -> None:
    format, texts = TextFormat(generate_latest), []

    for label in ("primary", "backend"):
        metric = Metric("g", "G.", "gauge")
        metric.add_sample("g", {label: "x"}, 1)
        texts.append(format.text([metric]).splitlines()[-1])

    assert texts == ['g{primary="x"} 1.0', 'g{backend="x"} 1.0']


class _Fixed:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _without_the_process(metrics: Metrics) -> list[Metric]:
    return [metric for metric in metrics.registry.collect() if not metric.name.startswith("process_")]


def _clean(metric: Metric) -> Metric:
    """Return the metric without its time of creation, which no scrape of Turnout has."""
    metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
    return metric
