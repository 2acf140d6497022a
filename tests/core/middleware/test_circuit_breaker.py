"""The circuit of a failing backend opens, and one request at a time probes it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

import pytest
from tests.core.middleware.resilience_kit import ANSWER, LIMIT_SECONDS, REQUEST, Clock, Meters, Scripted, at_once, outcome

from turnout import ModelSignature
from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    ClosedError,
    DeadlineExceededError,
    InferenceError,
    InvalidTensorError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
)
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.resilience.circuit_state import CircuitPolicy

DOWN = BackendUnavailableError("the server is down")
PAUSES = CircuitPolicy(open_seconds=1.0, longest_open_seconds=30.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meters() -> Meters:
    return Meters()


@pytest.fixture
def model() -> Scripted:
    return Scripted()


@pytest.fixture
def breaker(model: Scripted, clock: Clock, meters: Meters) -> CircuitBreaker:
    return CircuitBreaker(model, "m", "triton", PAUSES, meters.circuit("m", "triton"), clock)


def opened(breaker: CircuitBreaker, model: Scripted, error: BaseException = DOWN) -> CircuitBreaker:
    """Return ``breaker`` after five failures."""
    model.error = error
    assert [outcome(breaker) for _ in range(5)] == [error] * 5
    assert isinstance(outcome(breaker), CircuitOpenError)
    return breaker


def test_opens_after_five_failures_in_a_row_and_asks_nobody_then(breaker: CircuitBreaker, model: Scripted) -> None:
    model.error = DOWN

    results = [outcome(breaker) for _ in range(20)]

    assert results[:5] == [DOWN] * 5
    assert {type(error) for error in results[5:]} == {CircuitOpenError}
    assert len(model.requests) == 5


def test_an_answer_between_failures_keeps_it_closed(breaker: CircuitBreaker, model: Scripted) -> None:
    for error in (DOWN, DOWN, DOWN, DOWN, None) * 3:
        model.error = error
        outcome(breaker)

    assert len(model.requests) == 15


def test_opens_when_half_of_twenty_calls_in_ten_seconds_fail(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    for number in range(20):
        clock.now += 0.4
        model.error = None if number % 2 else DOWN
        outcome(breaker)

    model.error = DOWN
    assert outcome(breaker) is DOWN
    with pytest.raises(CircuitOpenError, match="after 11 failures of 21 calls in 10 s"):
        breaker.infer(REQUEST)


def test_failures_older_than_the_window_are_forgotten(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    for number in range(60):
        clock.now += 1.0
        model.error = None if number % 2 else DOWN
        outcome(breaker)

    assert len(model.requests) == 60


def test_its_refusal_says_what_since_when_until_when_and_why(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    opened(breaker, model)
    clock.now += 0.5

    with pytest.raises(BackendUnavailableError) as caught:
        breaker.infer(REQUEST)

    said = str(caught.value)
    assert said.startswith("model 'm' on backend 'triton': circuit open since ")
    assert "0.5 s ago, after 5 failures in a row; the next trial is in 0." in said
    assert said.endswith("last error: BackendUnavailableError: the server is down. Use another backend, or retry later")


def test_one_answered_request_closes_it(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    opened(breaker, model)
    model.error = None
    clock.now += 1.0

    assert [outcome(breaker) for _ in range(10)] == [ANSWER] * 10


def pauses(breaker: CircuitBreaker, model: Scripted, clock: Clock, count: int) -> list[float]:
    """Return how long each of the next ``count`` pauses is, to a hundredth of a second."""
    found = []
    for _ in range(count):
        start, sent = clock.now, len(model.requests)
        while len(model.requests) == sent:
            clock.now += 0.01
            outcome(breaker)
        found.append(clock.now - start)
    return found


def test_pauses_double_up_to_the_longest_each_with_jitter(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    opened(breaker, model)

    found = pauses(breaker, model, clock, 8)

    for pause, whole in zip(found, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert 0.8 * whole <= pause <= whole + 0.02
    assert len({round(pause / whole, 3) for pause, whole in zip(found, (1, 2, 4, 8, 16, 30, 30, 30), strict=True)}) > 1


def test_an_unreachable_server_is_tried_every_second(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    opened(breaker, model, NotReachedError("connection refused"))

    assert max(pauses(breaker, model, clock, 8)) <= 1.02


def test_one_request_at_a_time_tries_it(breaker: CircuitBreaker, model: Scripted, clock: Clock, meters: Meters) -> None:
    opened(breaker, model)
    clock.now += 1.0
    inside, may_end = threading.Event(), threading.Event()
    model.error = None
    model.during = lambda: (inside.set(), may_end.wait(LIMIT_SECONDS))
    trial = threading.Thread(target=breaker.infer, args=(REQUEST,))
    trial.start()
    assert inside.wait(LIMIT_SECONDS)

    results = [outcome(breaker) for _ in range(5)]

    may_end.set()
    trial.join(LIMIT_SECONDS)
    assert {type(error) for error in results} == {CircuitOpenError}
    assert outcome(breaker) is ANSWER


def test_a_trial_that_never_ends_does_not_keep_it_open_for_ever(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    opened(breaker, model)
    clock.now += 1.0
    model.error = None
    forgotten = breaker.infer_stream(REQUEST)
    next(forgotten)
    assert isinstance(outcome(breaker), CircuitOpenError)

    clock.now += PAUSES.longest_open_seconds

    assert outcome(breaker) is ANSWER
    forgotten.close()


@pytest.mark.parametrize("error", [DOWN, NotReachedError("refused"), InferenceError("CUDA error"), ModelLoadError("no file")])
def test_faults_of_the_server_open_it(breaker: CircuitBreaker, model: Scripted, error: Exception) -> None:
    opened(breaker, model, error)


@pytest.mark.parametrize(
    "error", [InvalidTensorError("wrong shape"), ClosedError("closed"), OverloadedError("full"), DeadlineExceededError("short")]
)
def test_what_is_not_the_servers_fault_never_opens_it(breaker: CircuitBreaker, model: Scripted, error: Exception) -> None:
    model.error = error

    assert [outcome(breaker) for _ in range(50)] == [error] * 50


@pytest.mark.parametrize("error", [InvalidTensorError("wrong shape"), OverloadedError("full"), KeyboardInterrupt()])
def test_a_trial_that_proves_nothing_passes_its_turn_to_the_next_request(
    breaker: CircuitBreaker, model: Scripted, clock: Clock, error: BaseException
) -> None:
    opened(breaker, model)
    clock.now += 1.0
    model.error = error
    with pytest.raises(type(error)):
        breaker.infer(REQUEST)
    model.error = None

    assert outcome(breaker) is ANSWER


def test_an_interrupt_during_a_proof_ends_the_caller_and_the_next_proof_starts(
    breaker: CircuitBreaker, model: Scripted
) -> None:
    assert outcome(breaker) is ANSWER  # known to be good from now on
    proof: list[BaseException | None] = [KeyboardInterrupt()]
    bad = InferenceError("index out of range")

    def fail() -> None:
        is_proof = model.requests[-1] is not REQUEST
        model.error = proof[-1] if is_proof else bad

    model.during = fail
    with pytest.raises(KeyboardInterrupt):
        _ = [outcome(breaker) for _ in range(20)]

    proof.append(None)
    assert [outcome(breaker) for _ in range(20)] == [bad] * 20


def times_out(model: Scripted, clock: Clock, seconds: float) -> None:
    """Have ``model`` fail each request after ``seconds``."""
    model.error = DeadlineExceededError("late")
    model.during = lambda: setattr(clock, "now", clock.now + seconds)


def test_deadlines_shorter_than_answers_take_open_it_for_nobody(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    model.during = lambda: setattr(clock, "now", clock.now + 0.2)
    assert outcome(breaker) is ANSWER
    times_out(model, clock, 0.05)

    results = [outcome(breaker) for _ in range(50)]

    assert {type(error) for error in results} == {DeadlineExceededError}
    model.error = None
    assert outcome(breaker) is ANSWER


def test_deadlines_longer_than_answers_take_open_it(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    model.during = lambda: setattr(clock, "now", clock.now + 0.2)
    assert outcome(breaker) is ANSWER
    times_out(model, clock, 0.35)

    results = [outcome(breaker) for _ in range(6)]

    assert isinstance(results[5], CircuitOpenError)


def test_a_server_that_never_answered_is_given_a_tenth_of_a_second(
    breaker: CircuitBreaker, model: Scripted, clock: Clock
) -> None:
    times_out(model, clock, 0.09)
    assert not any(isinstance(outcome(breaker), CircuitOpenError) for _ in range(10))

    times_out(model, clock, 0.11)

    assert isinstance([outcome(breaker) for _ in range(6)][5], CircuitOpenError)


def test_calls_from_before_it_closed_say_nothing_about_after(breaker: CircuitBreaker, model: Scripted, clock: Clock) -> None:
    streams = [breaker.infer_stream(REQUEST) for _ in range(8)]
    for stream in streams:
        next(stream)
    opened(breaker, model)
    model.error = None
    clock.now += 1.0
    assert outcome(breaker) is ANSWER

    for stream in streams:
        with pytest.raises(BackendUnavailableError):
            stream.throw(DOWN)

    assert outcome(breaker) is ANSWER


def test_the_lock_is_not_held_during_a_call(breaker: CircuitBreaker, model: Scripted) -> None:
    together = threading.Barrier(8, timeout=LIMIT_SECONDS)
    model.during = together.wait

    at_once(8, lambda: breaker.infer(REQUEST))

    assert len(model.requests) == 8


def test_eight_threads_find_it_open_after_few_failures(breaker: CircuitBreaker, model: Scripted) -> None:
    model.error = DOWN

    at_once(8, lambda: [outcome(breaker) for _ in range(100)])

    assert 5 <= len(model.requests) <= 5 + 7


def test_opening_and_closing_are_counted_and_logged_once_each(
    breaker: CircuitBreaker, model: Scripted, clock: Clock, meters: Meters, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    opened(breaker, model)
    shown = meters.value("turnout_circuit_open", model="m", backend="triton")
    for _ in range(10):
        outcome(breaker)
    clock.now += 1.0
    model.error = None
    breaker.infer(REQUEST)

    assert shown == 1
    assert meters.value("turnout_circuit_open", model="m", backend="triton") == 0
    assert meters.value("turnout_refused_requests_total", model="m", backend="triton", reason="circuit_open") == 11
    opening, closing = [record.getMessage() for record in caplog.records]
    assert opening.startswith("model 'm' on backend 'triton': circuit open for 1 s after 5 failures in a row; ")
    assert opening.endswith("last error: BackendUnavailableError: the server is down")
    assert closing == "model 'm' on backend 'triton': circuit closed: the backend recovered"


def test_while_open_it_is_not_ready_and_asks_nobody_for_a_signature(
    breaker: CircuitBreaker, model: Scripted, clock: Clock
) -> None:
    assert breaker.ready()
    assert breaker.signature() == ModelSignature()
    opened(breaker, model)

    assert not breaker.ready()
    with pytest.raises(CircuitOpenError):
        breaker.signature()

    clock.now += 1.0
    assert breaker.ready()
    assert breaker.signature() == ModelSignature()


def test_a_stream_counts_as_one_call(breaker: CircuitBreaker, model: Scripted) -> None:
    assert list(breaker.infer_stream(REQUEST)) == [ANSWER, ANSWER]
    model.error = DOWN

    for _ in range(5):
        with pytest.raises(BackendUnavailableError):
            list(breaker.infer_stream(REQUEST))

    with pytest.raises(CircuitOpenError):
        next(breaker.infer_stream(REQUEST))


def in_child(check: Callable[[], bool]) -> bool:
    """Return whether ``check`` holds in a forked child, which ends within the limit."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    until = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_starts_closed_though_another_thread_held_the_lock(breaker: CircuitBreaker, model: Scripted) -> None:
    opened(breaker, model)
    model.error = None

    with breaker._circuit._lock:
        answered = in_child(lambda: outcome(breaker) is ANSWER)

    assert answered
    assert isinstance(outcome(breaker), CircuitOpenError)


@pytest.mark.clock
def test_a_healthy_call_costs_little(meters: Meters) -> None:
    bare = Scripted()
    breaker = CircuitBreaker(bare, "m", "triton", PAUSES, meters.circuit("m", "triton"))

    def fastest(infer: Callable[..., object]) -> float:
        def once() -> float:
            start = time.perf_counter()
            for _ in range(2000):
                infer(REQUEST)
            return (time.perf_counter() - start) / 2000

        return min(once() for _ in range(9))

    assert fastest(breaker.infer) - fastest(bare.infer) < 5e-6  # 1 us on an idle machine: benchmarks/resilience.py
