from __future__ import annotations

import json
import math
from collections import Counter

import pytest

from turnout.rollout.shadow import ShadowEvidence
from turnout.rollout.shadow.latency_counts import LatencyCounts


def _evidence(**verdicts: int) -> ShadowEvidence:
    return ShadowEvidence("m", "first", "second", "v1", Counter(verdicts))


def test_ratios_ignore_dropped_requests() -> None:
    evidence = _evidence(match=6, mismatch=1, error=1, dropped=92)

    assert (evidence.mirrored, evidence.comparisons, evidence.mismatch_ratio) == (100, 8, 0.25)
    assert _evidence(dropped=3).mismatch_ratio is None


def test_the_ratio_of_percentiles_is_the_shadow_s_over_the_primary_s() -> None:
    evidence = _evidence()
    assert evidence.p95_ratio is None
    for _ in range(20):
        evidence.primary_latencies.add(0.010)
        evidence.shadow_latencies.add(0.015)

    assert evidence.p95_ratio == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize("error", [0.25, math.inf])
def test_json_is_read_back(error: float) -> None:
    evidence = ShadowEvidence(
        "m",
        "a",
        "b",
        "v",
        Counter(match=3, mismatch=1),
        error,
        "bad",
        LatencyCounts({-200: 3}),
        LatencyCounts({-100: 3}),
        5.0,
        6.0,
    )

    again = ShadowEvidence.of_json(json.loads(json.dumps(evidence.as_json(), allow_nan=False)))

    assert again.as_json() == evidence.as_json()
    assert again.max_abs_error == error


def test_merging_adds_counts_and_keeps_the_worst() -> None:
    left, right = _evidence(match=1), _evidence(match=2, mismatch=1)
    left.since, left.updated, right.since, right.updated = 10.0, 20.0, 5.0, 15.0
    left.max_abs_error, left.worst, right.max_abs_error, right.worst = 0.1, "small", 0.5, "large"

    left.merge(right)

    assert left.verdicts == Counter(match=3, mismatch=1)
    assert (left.max_abs_error, left.worst, left.since, left.updated) == (0.5, "large", 5.0, 20.0)
