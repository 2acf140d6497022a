from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.rollout.shadow.latency_counts import LatencyCounts


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=200))
def test_a_percentile_is_exact_within_one_percent(seconds: list[float]) -> None:
    latencies = LatencyCounts()
    for one in seconds:
        latencies.add(one)

    exact = float(np.percentile(seconds, 95, method="inverted_cdf"))
    assert latencies.percentile(0.95) == pytest.approx(exact, rel=0.0101)


def test_merged_counts_are_those_of_all_calls() -> None:
    left, right, both = LatencyCounts(), LatencyCounts(), LatencyCounts()
    for index, seconds in enumerate((0.001, 0.01, 0.02, 5.0)):
        (left, right)[index % 2].add(seconds)
        both.add(seconds)

    left.merge(right)

    assert left.counts == both.counts


def test_without_calls_there_is_no_percentile_and_zero_seconds_count() -> None:
    latencies = LatencyCounts()

    assert latencies.percentile(0.95) is None
    latencies.add(0.0)
    assert latencies.percentile(0.95) == pytest.approx(1e-9, rel=0.02)
