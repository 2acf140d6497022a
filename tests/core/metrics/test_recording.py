from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from turnout.metrics.recording import RECORDING_OUTCOMES, RecordingFamilies
from turnout.recording import OUTCOMES


def test_every_outcome_has_a_cell_from_the_start() -> None:
    registry = CollectorRegistry()

    count = RecordingFamilies(registry).counter("m")
    count("dropped")

    values = {
        outcome: registry.get_sample_value("turnout_recorded_requests_total", {"model": "m", "outcome": outcome})
        for outcome in OUTCOMES
    }
    assert values == {"recorded": 0, "dropped": 1, "full": 0, "failed": 0}
    assert RECORDING_OUTCOMES == OUTCOMES


def test_an_unknown_outcome_is_no_new_series() -> None:
    with pytest.raises(KeyError):
        RecordingFamilies(CollectorRegistry()).counter("m")("surprise")
