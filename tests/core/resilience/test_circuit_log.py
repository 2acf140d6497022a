"""A circuit that opens and closes is logged, and one that flaps is logged now and then."""

from __future__ import annotations

import pytest
from tests.core.middleware.resilience_kit import Clock

from turnout.resilience.circuit_log import CircuitLog


def test_an_outage_has_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    log = CircuitLog("m", "b", Clock())

    log.opened("open")
    for _ in range(100):
        log.refused()
    log.closed("closed")

    assert caplog.messages == ["open", "closed"]


def test_a_circuit_that_flaps_has_a_pair_each_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = CircuitLog("m", "b", clock)

    for _ in range(60):
        log.opened("open")
        log.refused()
        log.closed("closed")
        clock.now += 1

    assert caplog.messages == ["open", "closed"] * 6


def test_an_outage_that_begins_in_the_pause_is_logged_at_a_later_refusal(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = CircuitLog("m", "b", clock)
    log.opened("open")
    log.closed("closed")
    clock.now += 5

    log.opened("again")
    log.refused()
    assert caplog.messages == ["open", "closed"]
    clock.now += 5
    log.refused()
    log.refused()
    log.closed("over")

    assert caplog.messages == ["open", "closed", "again", "over"]
