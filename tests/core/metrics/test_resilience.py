"""Metrics of fallback, circuit breaker, retry and load shedding."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from turnout.metrics import Metrics
from turnout.metrics.labels import FallbackReason
from turnout.metrics.resilience import ResilienceMeters


def test_every_series_exists_before_the_first_event() -> None:
    registry = CollectorRegistry()
    meters = ResilienceMeters(registry)
    meters.circuit("m", "triton")
    meters.shedding("m", "triton")
    meters.retries("m", "triton")
    meters.fallbacks("m", "triton", "onnxruntime")

    text = generate_latest(registry).decode()

    assert 'turnout_circuit_open{backend="triton",model="m"} 0.0' in text
    assert 'turnout_refused_requests_total{backend="triton",model="m",reason="circuit_open"} 0.0' in text
    assert 'turnout_refused_requests_total{backend="triton",model="m",reason="max_in_flight"} 0.0' in text
    assert 'turnout_retries_total{backend="triton",model="m"} 0.0' in text
    for reason in FallbackReason:
        assert f'turnout_fallbacks_total{{backend="triton",model="m",reason="{reason}",to="onnxruntime"}} 0.0' in text


def test_each_meter_counts_in_its_own_series() -> None:
    registry = CollectorRegistry()
    meters = ResilienceMeters(registry)
    circuit = meters.circuit("m", "triton")
    circuit.opened()
    circuit.refused()
    meters.shedding("m", "triton").refused()
    meters.retries("m", "triton").retried()
    meters.fallbacks("m", "triton", "direct").fell_back[FallbackReason.UNAVAILABLE]()

    arm = {"model": "m", "backend": "triton"}
    assert registry.get_sample_value("turnout_circuit_open", arm) == 1
    assert registry.get_sample_value("turnout_refused_requests_total", {**arm, "reason": "circuit_open"}) == 1
    assert registry.get_sample_value("turnout_refused_requests_total", {**arm, "reason": "max_in_flight"}) == 1
    assert registry.get_sample_value("turnout_retries_total", arm) == 1
    labels = {"model": "m", "backend": "triton", "to": "direct", "reason": "unavailable"}
    assert registry.get_sample_value("turnout_fallbacks_total", labels) == 1
    circuit.closed()
    assert registry.get_sample_value("turnout_circuit_open", arm) == 0


def test_a_removed_circuit_is_not_open_and_hides_no_other() -> None:
    registry = CollectorRegistry()
    meters = ResilienceMeters(registry)
    arm = {"model": "m", "backend": "triton"}
    old, new = meters.circuit("m", "triton"), meters.circuit("m", "triton")

    old.opened()
    new.opened()
    old.closed()
    both = registry.get_sample_value("turnout_circuit_open", arm)
    new.closed()

    assert (both, registry.get_sample_value("turnout_circuit_open", arm)) == (1, 0)


def test_a_forked_child_has_closed_circuits() -> None:
    metrics = Metrics()
    circuit = metrics.resilience.circuit("m", "triton")
    circuit.opened()
    parent = _is_open(metrics)

    metrics.resilience.renew()  # as a fork does
    child = _is_open(metrics)
    circuit.opened()

    assert (parent, child, _is_open(metrics)) == (1, 0, 1)


def _is_open(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("turnout_circuit_open", {"model": "m", "backend": "triton"})
