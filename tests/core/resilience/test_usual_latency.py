"""The usual latency follows the answers."""

from __future__ import annotations

import pytest

from turnout.resilience.usual_latency import UsualLatency


def test_has_no_value_at_first_then_follows_the_latencies() -> None:
    usual = UsualLatency()
    before = usual.value
    usual.add(2.0)
    at_first = usual.value

    for _ in range(60):
        usual.add(0.1)

    assert (before, at_first) == (None, 2.0)
    assert usual.value == pytest.approx(0.1, rel=0.01)
