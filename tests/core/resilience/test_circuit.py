"""The circuit itself; ``middleware/test_circuit_breaker.py`` tests it around a model."""

from __future__ import annotations

import pytest
from tests.core.middleware.resilience_kit import REQUEST, Clock

from turnout.errors import BackendUnavailableError, CircuitOpenError, OverloadedError
from turnout.resilience.circuit import Circuit
from turnout.resilience.circuit_state import CircuitPolicy

DOWN = BackendUnavailableError("down")


def _circuit(clock: Clock, **policy: float) -> Circuit[object]:
    return Circuit[object]("m", "b", CircuitPolicy(**policy), clock)  # type: ignore[arg-type]


def test_a_failure_opens_it_and_an_answer_closes_it_with_one_message_each() -> None:
    clock = Clock()
    circuit = _circuit(clock, consecutive_failures=2)

    messages = [circuit.record_failure(circuit.admit(), DOWN).message for _ in range(2)]
    clock.now += 1.0
    messages.append(circuit.record_answer(circuit.admit(), REQUEST))

    assert messages == [
        "",
        "model 'm' on backend 'b': circuit open for 1 s after 2 failures in a row; last error: BackendUnavailableError: down",
        "model 'm' on backend 'b': circuit closed: the backend recovered",
    ]


def test_check_raises_while_it_is_open_and_admits_no_trial() -> None:
    clock = Clock()
    circuit = _circuit(clock, consecutive_failures=1)
    circuit.check()
    circuit.record_failure(circuit.admit(), DOWN)

    with pytest.raises(CircuitOpenError, match="model 'm' on backend 'b': circuit open since") as caught:
        circuit.check()
    assert (caught.value.model, caught.value.backend) == ("m", "b")
    assert 0.8 <= (caught.value.retry_after_seconds or 0) <= 1.0

    clock.now += 1.0
    circuit.check()
    circuit.admit()
    with pytest.raises(CircuitOpenError):
        circuit.admit()


def test_an_overloaded_backend_never_opens_it() -> None:
    circuit = _circuit(Clock(), consecutive_failures=1)

    assert not any(any(circuit.record_failure(circuit.admit(), OverloadedError("full"))) for _ in range(50))
