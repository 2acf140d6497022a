"""Folding calls into Prometheus cells."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from turnout.forking import Forks
from turnout.metrics.calls import PENDING_LIMIT, Amounts, Durations, InFlight
from turnout.metrics.histogram import BatchHistogram


def _durations(registry: CollectorRegistry) -> Durations:
    return Durations(BatchHistogram("h", "text", registry=registry), counter=Counter("c", "text", registry=registry))


def test_calls_are_folded_when_enough_are_pending() -> None:
    registry = CollectorRegistry()
    durations = _durations(registry)

    for _ in range(PENDING_LIMIT - 1):
        durations.add(0.1)
    before = registry.get_sample_value("c_total")
    durations.add(0.1)

    assert (before, registry.get_sample_value("c_total"), len(durations.pending)) == (0, PENDING_LIMIT, 0)


def test_folding_nothing_changes_nothing() -> None:
    registry = CollectorRegistry()
    durations = _durations(registry)

    durations.fold()

    assert (registry.get_sample_value("c_total"), registry.get_sample_value("h_count")) == (0, 0)


def test_the_gauge_of_calls_in_flight_is_set_by_folding() -> None:
    registry = CollectorRegistry()
    in_flight = InFlight(Gauge("g", "text", registry=registry))

    in_flight.enter(None)
    in_flight.enter(None)
    in_flight.leave()
    before = registry.get_sample_value("g")
    in_flight.fold()

    assert (before, registry.get_sample_value("g")) == (0, 1)


def test_a_forked_child_drops_the_calls_of_its_parent() -> None:
    registry = CollectorRegistry()
    durations, in_flight = _durations(registry), InFlight(Gauge("g", "text", registry=registry))
    durations.add(0.1)
    in_flight.enter(None)

    Forks.enter_child()
    durations.fold()
    in_flight.fold()

    assert (registry.get_sample_value("c_total"), registry.get_sample_value("g")) == (0, 0)


def test_amounts_are_added_when_enough_are_pending_and_at_a_scrape() -> None:
    registry = CollectorRegistry()
    amounts = Amounts(Counter("c", "text", registry=registry))

    for _ in range(PENDING_LIMIT):
        amounts.add(3)
    amounts.add(5)
    before = registry.get_sample_value("c_total")
    amounts.fold()

    assert (before, registry.get_sample_value("c_total")) == (3 * PENDING_LIMIT, 3 * PENDING_LIMIT + 5)


def test_a_forked_child_drops_the_amounts_of_its_parent() -> None:
    registry = CollectorRegistry()
    amounts = Amounts(Counter("c", "text", registry=registry))
    amounts.add(7)

    amounts.renew()
    amounts.fold()

    assert registry.get_sample_value("c_total") == 0
