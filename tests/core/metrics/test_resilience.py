"""What fallback, circuit breaker, retry and load shedding count."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from turnout.metrics.resilience import FALLBACK_REASONS, ResilienceMeters


def test_every_cell_is_there_before_anything_happens() -> None:
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
    for reason in FALLBACK_REASONS:
        assert f'turnout_fallbacks_total{{from="triton",model="m",reason="{reason}",to="onnxruntime"}} 0.0' in text


def test_meters_count_where_they_say() -> None:
    registry = CollectorRegistry()
    meters = ResilienceMeters(registry)
    circuit = meters.circuit("m", "triton")
    circuit.opened()
    circuit.refused()
    meters.shedding("m", "triton").refused()
    meters.retries("m", "triton").retried()
    meters.fallbacks("m", "triton", "direct").fell_back["unavailable"]()

    arm = {"model": "m", "backend": "triton"}
    assert registry.get_sample_value("turnout_circuit_open", arm) == 1
    assert registry.get_sample_value("turnout_refused_requests_total", {**arm, "reason": "circuit_open"}) == 1
    assert registry.get_sample_value("turnout_refused_requests_total", {**arm, "reason": "max_in_flight"}) == 1
    assert registry.get_sample_value("turnout_retries_total", arm) == 1
    labels = {"model": "m", "from": "triton", "to": "direct", "reason": "unavailable"}
    assert registry.get_sample_value("turnout_fallbacks_total", labels) == 1
    circuit.closed()
    assert registry.get_sample_value("turnout_circuit_open", arm) == 0
