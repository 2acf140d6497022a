from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from turnout.metrics.labels import RecordingOutcome
from turnout.metrics.recording import RecordingFamilies


def test_every_outcome_has_a_series_from_the_start() -> None:
    registry = CollectorRegistry()

    count = RecordingFamilies(registry).counter("m")
    count(RecordingOutcome.DROPPED)

    values = {
        outcome: registry.get_sample_value("turnout_recorded_requests_total", {"model": "m", "outcome": outcome})
        for outcome in RecordingOutcome
    }
    assert values == {"recorded": 0, "dropped": 1, "full": 0, "failed": 0}


def test_an_unknown_outcome_adds_no_series() -> None:
    with pytest.raises(KeyError):
        RecordingFamilies(CollectorRegistry()).counter("m")("surprise")  # type: ignore[arg-type]
