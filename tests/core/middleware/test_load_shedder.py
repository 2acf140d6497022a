"""Load shedding: excess requests are refused at once; admitted ones are answered as fast as before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from tests.core.middleware.resilience_kit import ANSWER, LIMIT_SECONDS, REQUEST, Meters, Scripted, at_once, outcome

from turnout.errors import InferenceError, OverloadedError, TurnoutError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.middleware.load_shedder import LoadShedder

CAPACITY = 4
WORK_SECONDS = 0.01


class Engine(ModelInference):
    """Works on ``CAPACITY`` requests at once, each for ``WORK_SECONDS``; others queue, and the longer the queue the slower."""

    def __init__(self) -> None:
        self._places = threading.Semaphore(CAPACITY)
        self._waiting = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self._waiting += 1
        with self._places:
            threading.Event().wait(WORK_SECONDS * (1 + max(0, self._waiting - CAPACITY) / CAPACITY))
            self._waiting -= 1
            return ANSWER


def shedding(model: ModelInference, meters: Meters | None = None, max_in_flight: int = CAPACITY) -> LoadShedder:
    return LoadShedder(model, "m", "triton", max_in_flight, (meters or Meters()).shedding("m", "triton"))


def test_refuses_what_is_too_much_before_it_is_started() -> None:
    model, meters, may_end = Scripted(), Meters(), threading.Event()
    together = threading.Barrier(CAPACITY + 1, timeout=LIMIT_SECONDS)
    model.during = lambda: (together.wait(), may_end.wait(LIMIT_SECONDS))
    shedder = shedding(model, meters)
    threads = [threading.Thread(target=shedder.infer, args=(REQUEST,)) for _ in range(CAPACITY)]
    for thread in threads:
        thread.start()
    together.wait()

    with pytest.raises(OverloadedError, match="model 'm' on backend 'triton' has 4 requests in flight, as many as max_in_fl"):
        shedder.infer(REQUEST)

    may_end.set()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    assert len(model.requests) == CAPACITY
    assert meters.value("turnout_refused_requests_total", model="m", backend="triton", reason="max_in_flight") == 1


@pytest.mark.parametrize("error", [InferenceError("failed"), KeyboardInterrupt()])
def test_a_failed_request_gives_its_place_back(error: BaseException) -> None:
    model = Scripted(error)
    shedder = shedding(model, max_in_flight=1)
    with pytest.raises(type(error)):
        shedder.infer(REQUEST)
    model.error = None

    assert outcome(shedder) is ANSWER


def test_a_stream_holds_its_place_until_it_ends_or_is_left() -> None:
    shedder = shedding(Scripted(), max_in_flight=1)
    stream = shedder.infer_stream(REQUEST)
    next(stream)

    assert isinstance(outcome(shedder), OverloadedError)
    stream.close()

    assert list(shedder.infer_stream(REQUEST)) == [ANSWER, ANSWER]
    assert outcome(shedder) is ANSWER


def test_a_forked_child_has_none_of_its_parents_requests() -> None:
    shedder = shedding(Scripted(), max_in_flight=1)
    stream = shedder.infer_stream(REQUEST)
    next(stream)

    shedder.renew()

    assert outcome(shedder) is ANSWER
    stream.close()
    assert outcome(shedder) is ANSWER


def offered(model: ModelInference, threads: int, seconds: float) -> tuple[int, list[float]]:
    """Offer ``model`` the load of ``threads`` callers who come at a steady pace; return the answers and the refusals' times."""
    answered: list[None] = []
    refused: list[float] = []
    end = time.monotonic() + seconds

    def call() -> None:
        due = time.monotonic()
        while due < end:
            start = time.monotonic()
            try:
                model.infer(REQUEST)
                answered.append(None)
            except TurnoutError:
                refused.append(time.monotonic() - start)
            due = max(due + WORK_SECONDS, time.monotonic() - WORK_SECONDS)
            threading.Event().wait(max(0.0, due - time.monotonic()))

    at_once(threads, call)
    return len(answered), sorted(refused)


def in_three(claim: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """Return the best of three attempts: others keep the machine busy."""
    return max(claim() for _ in range(3))


@pytest.mark.clock
def test_at_ten_times_the_capacity_as_much_is_answered_and_refusals_come_at_once() -> None:
    def attempt() -> tuple[float, float]:
        at_one, _ = offered(shedding(Engine()), CAPACITY, 0.6)
        at_ten, refused = offered(shedding(Engine()), 10 * CAPACITY, 0.6)
        return at_ten / at_one, -refused[int(0.99 * len(refused))]

    ratio, refusal = in_three(attempt)

    assert ratio >= 0.9
    assert -refusal <= 0.005


@pytest.mark.clock
def test_without_it_the_same_load_would_have_been_seen() -> None:
    at_one, _ = offered(Engine(), CAPACITY, 0.4)

    at_ten, _ = offered(Engine(), 10 * CAPACITY, 0.4)

    assert at_ten / at_one < 0.9
