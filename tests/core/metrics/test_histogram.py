"""Observing many values at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.utils import INF

from turnout.metrics.histogram import BatchHistogram

BUCKETS = (0.001, 0.5, 1.0, 10.0, INF)
EDGES_AND_BETWEEN = st.sampled_from([0.0, 0.001, 0.0011, 0.5, 0.75, 1.0, 10.0, 10.5, 1e9])


def _text(kind: type[Histogram]) -> tuple[Histogram, CollectorRegistry]:
    registry = CollectorRegistry()
    return kind("h", "text", registry=registry, buckets=BUCKETS), registry


def _numbers(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(values=st.lists(EDGES_AND_BETWEEN))
def test_many_at_once_count_as_one_after_the_other(values: list[float]) -> None:
    one_by_one, expected = _text(Histogram)
    at_once, registry = _text(BatchHistogram)

    for value in values:
        one_by_one.observe(value)
    assert isinstance(at_once, BatchHistogram)
    at_once.observe_many(values)

    sums = [registry.get_sample_value("h_sum") or 0, expected.get_sample_value("h_sum") or 0]
    assert abs(sums[0] - sums[1]) <= 1e-9 * max(sums)
    assert [line for line in _numbers(registry) if "_sum" not in line] == [
        line for line in _numbers(expected) if "_sum" not in line
    ]
