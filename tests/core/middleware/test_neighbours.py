"""One caller's wrong requests cost the other callers nothing; a backend that is really broken still opens the circuit."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.middleware.resilience_kit import LIMIT_SECONDS, Clock, Meters, outcome

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    ModelLoadError,
    OverloadedError,
)
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.resilience.blame import Blame
from turnout.resilience.circuit import Circuit, Ruling
from turnout.resilience.circuit_state import CircuitPolicy
from turnout.tensors import TensorSpec

GOOD, BAD = (InferenceRequest({"x": np.array([value], np.float32)}) for value in (1, -1))
POLICY = CircuitPolicy()
# The texts of real runtimes; the last one is what wrong weights say too.
BAD_ERRORS = [
    InvalidRequestError("model 'm' refuses the values of its inputs: indices element out of data bounds, idx=9"),
    InferenceError("InvalidArgument: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : indices element out of data bounds, idx=9"),
    InferenceError("ValueError: element 0 of 's' is not UTF-8; the runtime accepts only text"),
    InferenceError("Failed to process the request(s) for model 'm_0', message: IndexError: index out of range in self At: /m"),
    InferenceError("Fail: [ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running MatMul node"),
]


class Mixed(ModelInference):
    """Answers numbers from 0 on and raises ``bad`` for others, in 1 ms; raises ``broken`` for all while that is set.

    Attributes:
        calls: the number of requests that reached it.
    """

    def __init__(self, clock: Clock, bad: Exception = BAD_ERRORS[1], specs: tuple[TensorSpec, ...] = ()) -> None:
        self._clock = clock
        self._bad = bad
        self._specs = specs
        self.broken: Exception | None = None
        self.seconds = 0.001
        self.calls = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.calls += 1
        self._clock.now += self.seconds
        if self.broken is not None:
            raise self.broken
        if request.inputs["x"][0] < 0:
            raise self._bad
        return InferenceResponse({"y": request.inputs["x"]})

    def signature(self) -> ModelSignature:
        return ModelSignature(self._specs)


X = (TensorSpec("x", "FP32", (-1,)),)


def around(model: Mixed, clock: Clock, meters: Meters | None = None, **more: object) -> CircuitBreaker:
    meter = (meters or Meters()).circuit("m", "triton")
    return CircuitBreaker(model, "m", "triton", POLICY, meter, clock, **more)  # type: ignore[arg-type]


def answered_share(bad_share: float, seed: int, bad: Exception, requests: int = 400) -> float:
    """Return the share of the good requests that are answered beside ``bad_share`` of bad ones."""
    clock, chance = Clock(), random.Random(seed)
    breaker = around(Mixed(clock, bad, X), clock)
    results = []
    while len(results) < requests:
        clock.now += 0.001
        if chance.random() < bad_share:
            outcome(breaker, BAD)
            if bad_share == 1:
                break
        else:
            results.append(isinstance(outcome(breaker, GOOD), InferenceResponse))
    return sum(results) / len(results)


def calls_until_open(model: Mixed, breaker: CircuitBreaker, most: int = 50) -> int:
    """Return how many requests reach the model until the circuit is open."""
    start = model.calls
    for _ in range(most):
        if isinstance(outcome(breaker, GOOD), CircuitOpenError):
            return model.calls - start
    raise AssertionError(f"{most} failures did not open the circuit")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.floats(0, 0.99), st.integers(0, 10**6), st.sampled_from(BAD_ERRORS))
def test_good_requests_are_answered_beside_any_share_of_bad_ones(bad_share, seed, bad) -> None:
    assert answered_share(bad_share, seed, bad, 100) >= 0.99


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.floats(0, 0.99),
    st.integers(0, 10**6),
    st.sampled_from([*BAD_ERRORS, BackendUnavailableError("reset"), ModelLoadError("CUDA out of memory")]),
)
def test_a_backend_that_breaks_opens_the_circuit_within_the_documented_number_of_calls(bad_share, seed, broken) -> None:
    clock, chance = Clock(), random.Random(seed)
    model = Mixed(clock, specs=X)
    breaker = around(model, clock)
    for _ in range(100):
        outcome(breaker, BAD if chance.random() < bad_share else GOOD)
    outcome(breaker, GOOD)
    clock.now += 1.0  # a proof may have ended just now, and the next one waits nine times as long as it took

    model.broken = broken

    # Five in a row, or as many as make half of the window, and the proof.
    assert calls_until_open(model, breaker) <= POLICY.consecutive_failures + 1


@pytest.mark.parametrize("broken", BAD_ERRORS[1:])
def test_a_model_that_never_answers_opens_the_circuit_after_five_calls(broken) -> None:
    clock = Clock()
    model = Mixed(clock, specs=X)
    model.broken = broken

    assert calls_until_open(model, around(model, clock)) == POLICY.consecutive_failures + 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.floats(0, 0.99), st.integers(0, 10**6), st.integers(0, 8), st.sampled_from(BAD_ERRORS))
def test_a_backend_that_is_back_answers_all_good_requests_after_the_longest_pause(bad_share, seed, trials, bad) -> None:
    clock, chance = Clock(), random.Random(seed)
    model = Mixed(clock, bad, X)
    breaker = around(model, clock)
    outcome(breaker, GOOD)
    model.broken = BackendUnavailableError("down")
    calls_until_open(model, breaker)
    for _ in range(trials):
        clock.now += POLICY.longest_open_seconds
        outcome(breaker, BAD if chance.random() < bad_share else GOOD)

    model.broken = None
    clock.now += POLICY.longest_open_seconds
    results = [outcome(breaker, BAD if chance.random() < bad_share else GOOD) for _ in range(100)]

    assert not any(isinstance(error, CircuitOpenError) for error in results)


def never_opens(self: Circuit[object], *_: object) -> Ruling:
    return Ruling()


def counts_every_error(error: BaseException, seconds: float, usual: float | None) -> Blame:
    return Blame.BACKEND


def test_a_breaker_that_counts_every_error_would_be_noticed(monkeypatch) -> None:
    monkeypatch.setattr("turnout.resilience.circuit.blame_for", counts_every_error)

    assert answered_share(0.9, 1, BAD_ERRORS[1]) < 0.5


def test_a_breaker_that_never_opens_would_be_noticed(monkeypatch) -> None:
    monkeypatch.setattr(Circuit, "record_failure", never_opens)
    clock = Clock()
    model = Mixed(clock)
    model.broken = BAD_ERRORS[1]

    with pytest.raises(AssertionError, match="did not open"):
        calls_until_open(model, around(model, clock))


def test_the_proof_is_the_last_answered_request_though_its_arrays_changed_since() -> None:
    clock = Clock()
    model = Mixed(clock)
    breaker = around(model, clock)
    inputs = np.array([1], np.float32)
    outcome(breaker, InferenceRequest({"x": inputs}))
    inputs[:] = -1

    results = [outcome(breaker, BAD) for _ in range(50)]

    assert {type(error) for error in results} == {InferenceError}
    assert isinstance(outcome(breaker, GOOD), InferenceResponse)


def test_proofs_take_a_tenth_of_the_time_at_most() -> None:
    clock, meters = Clock(), Meters()
    breaker = around(Mixed(clock), clock, meters)
    outcome(breaker, GOOD)

    for _ in range(1000):
        outcome(breaker, BAD)

    assert 50 < (meters.value("turnout_circuit_probes_total", model="m", backend="triton") or 0) <= 0.12 * 1000


def test_a_record_of_the_warm_up_is_the_proof_before_the_first_answer() -> None:
    clock = Clock()
    breaker = around(Mixed(clock), clock, recorded=lambda: GOOD)

    assert not any(isinstance(outcome(breaker, BAD), CircuitOpenError) for _ in range(50))


def test_a_trial_with_a_bad_request_closes_the_circuit_if_the_backend_is_back() -> None:
    clock = Clock()
    model = Mixed(clock)
    breaker = around(model, clock)
    outcome(breaker, GOOD)
    model.broken = BackendUnavailableError("down")
    calls_until_open(model, breaker)
    model.broken = None
    clock.now += 1.0

    assert isinstance(outcome(breaker, BAD), InferenceError)

    assert isinstance(outcome(breaker, GOOD), InferenceResponse)


def test_a_full_queue_proves_nothing() -> None:
    clock = Clock()
    model = Mixed(clock, OverloadedError("full"))
    breaker = around(model, clock)
    outcome(breaker, GOOD)

    assert not any(isinstance(outcome(breaker, BAD), CircuitOpenError) for _ in range(50))


def test_the_proof_keeps_the_deadline_of_the_request_that_pays_for_it() -> None:
    clock = Clock()
    seen: list[InferenceRequest] = []
    model = Mixed(clock)
    breaker = around(model, clock)
    outcome(breaker, GOOD)
    deadline = time.monotonic() + 0.5
    infer = breaker._infer
    breaker._infer = lambda request: (seen.append(request), infer(request))[1]  # type: ignore[method-assign]

    for _ in range(5):
        outcome(breaker, InferenceRequest(BAD.inputs, deadline))

    assert seen[-1].inputs["x"].tolist() == [1]
    assert seen[-1].deadline == deadline


def test_one_proof_at_a_time_and_nobody_waits_for_it() -> None:
    clock = Clock()
    model = Mixed(clock)
    breaker = around(model, clock)
    outcome(breaker, GOOD)
    started, may_end = threading.Event(), threading.Event()
    infer: Callable[[InferenceRequest], InferenceResponse] = breaker._infer

    def hold_the_proof(request: InferenceRequest) -> InferenceResponse:
        if request.inputs["x"][0] == 1 and not may_end.is_set():
            started.set()
            may_end.wait(LIMIT_SECONDS)
        return infer(request)

    breaker._infer = hold_the_proof  # type: ignore[method-assign]
    prover = threading.Thread(target=lambda: [outcome(breaker, BAD) for _ in range(5)])
    prover.start()
    assert started.wait(LIMIT_SECONDS)

    results = [outcome(breaker, BAD) for _ in range(50)]

    may_end.set()
    prover.join(LIMIT_SECONDS)
    assert {type(error) for error in results} == {InferenceError}


def test_a_stream_is_proved_by_a_stream() -> None:
    class OnlyStreams(Mixed):
        def infer(self, request):
            raise InvalidRequestError("it is decoupled")

        def infer_stream(self, request):
            yield Mixed.infer(self, request)

    clock = Clock()
    model = OnlyStreams(clock)
    breaker = around(model, clock)
    list(breaker.infer_stream(GOOD))

    for _ in range(50):
        with pytest.raises(InferenceError):
            list(breaker.infer_stream(BAD))

    assert len(list(breaker.infer_stream(GOOD))) == 1


def test_late_requests_are_their_own_fault_while_the_backend_answers_others() -> None:
    clock = Clock()
    model = Mixed(clock)
    breaker = around(model, clock)
    outcome(breaker, GOOD)

    def answer_another() -> None:
        model.seconds, usual = 0.0, model.seconds
        outcome(breaker, GOOD)
        model.seconds = usual

    class Late(Mixed):
        def infer(self, request):
            clock.now += 5
            answer_another()
            clock.now += 5
            raise DeadlineExceededError("late")

    breaker_infer = breaker._infer
    breaker._infer = lambda request: (breaker_infer if request is GOOD else Late(clock).infer)(request)  # type: ignore[method-assign]

    assert not any(isinstance(outcome(breaker, BAD), CircuitOpenError) for _ in range(50))


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": np.zeros(2**23 + 1, np.float32)},
        {"x": np.array([b"x" * 2**25, b"y"], object)},
        {"x": np.array([1.0], object)},
        {"x": object()},
    ],
    ids=["large", "long texts", "numbers", "no array"],
)
def test_what_is_large_or_no_tensor_is_not_kept(inputs) -> None:
    class Any(Mixed):
        def infer(self, request):
            return InferenceResponse({})

    clock = Clock()
    breaker = around(Any(clock), clock)

    breaker.infer(InferenceRequest(inputs))

    assert breaker._circuit.known_good.value is None


def test_a_part_of_a_sequence_is_not_sent_again() -> None:
    clock = Clock()
    breaker = around(Mixed(clock), clock)

    breaker.infer(InferenceRequest(GOOD.inputs, None, "", {"sequence_id": 7}))

    assert breaker._circuit.known_good.value is None
