"""Requests that arrive at random times, whether or not earlier ones are answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from itertools import pairwise

import pytest

from turnout.commands.bench.load import open_loop
from turnout.commands.bench.load.open_loop import OpenLoop
from turnout.errors import InferenceError


class Serial:
    """Answers one request at a time, each in ``seconds``; fails every ``fail``th."""

    def __init__(self, seconds: float = 0.0, fail: int = 0) -> None:
        self.lock = threading.Lock()
        self.seconds = seconds
        self.fail = fail
        self.received: list[int] = []

    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        with self.lock:
            self.received.append(number)
            time.sleep(self.seconds)
        if self.fail and number % self.fail == 0:
            raise InferenceError("broken")
        return {}

    def name(self, number: int) -> str:
        return f"r{number % 2}"


def test_the_rate_is_that_of_a_poisson_process() -> None:
    gaps = [*OpenLoop(Serial(), 50.0, 60)._arrivals(400.0)]

    assert len(gaps) == pytest.approx(20_000, rel=0.03)
    assert all(earlier < later for earlier, later in pairwise(gaps))


def test_equal_rates_have_equal_schedules_and_rounds_have_different_ones() -> None:
    one, other = OpenLoop(Serial(), 10.0, 60), OpenLoop(Serial(), 10.0, 60)

    first = [*one._arrivals(10.0)]

    assert first == [*other._arrivals(10.0)]
    assert first != [*one._arrivals(10.0)]


def test_every_arrival_is_answered_and_counted() -> None:
    target = Serial()

    seconds, outcome = OpenLoop(target, 400.0, 60).run(0.2)

    assert seconds >= 0.2
    assert outcome.sent == len(target.received) == len(outcome.lateness) > 40
    assert sorted(target.received) == [*range(outcome.sent)]


def test_a_number_of_requests_ends_the_load() -> None:
    _, outcome = OpenLoop(Serial(), 2_000.0, 60).run(60.0, 5)

    assert outcome.sent == 5


@pytest.mark.clock
def test_beyond_the_capacity_the_queue_is_seen_in_the_latency() -> None:
    """A closed loop would report the service time of 10 ms, whatever the rate."""
    _, outcome = OpenLoop(Serial(0.01), 200.0, 60).run(0.5)

    last = outcome.latencies[-20:]
    # Twice the capacity for half a second: the last request waits half a second.
    assert max(last) > 0.25
    assert min(outcome.latencies) < 0.1


@pytest.mark.clock
def test_a_target_that_hangs_once_is_seen_by_all_who_arrive_meanwhile() -> None:
    """The omission of a closed loop: a caller that waits sends nothing, so one slow answer is one sample."""

    class HangsOnce(Serial):
        def send(self, number: int, deadline: float) -> Mapping[str, float]:
            self.seconds = 0.3 if number == 0 else 0.0
            return super().send(number, deadline)

    _, outcome = OpenLoop(HangsOnce(), 100.0, 60).run(0.6)

    assert sum(seconds > 0.1 for seconds in outcome.latencies) > 10


@pytest.mark.clock
def test_with_all_threads_in_use_a_latency_still_counts_from_the_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_loop, "MAX_THREADS", 1)

    _, outcome = OpenLoop(Serial(0.02), 200.0, 60).run(0.3)

    assert max(outcome.latencies) > 0.3
    assert max(outcome.lateness) < 0.2


def test_a_request_that_waits_longer_than_its_timeout_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_loop, "MAX_THREADS", 1)
    target = Serial(0.1)

    _, outcome = OpenLoop(target, 500.0, 0.05).run(0.1)

    assert outcome.errors["DeadlineExceededError"] == outcome.sent - len(target.received) > 5
    assert "more requests arrive than are answered" in outcome.said["DeadlineExceededError"]


def test_failures_are_counted_by_name_and_are_no_latencies() -> None:
    _, outcome = OpenLoop(Serial(fail=4), 1_000.0, 60).run(5.0, 20)

    assert outcome.errors == {"InferenceError": 5}
    assert len(outcome.latencies) == 15
    assert outcome.said == {"InferenceError": "'r0': broken"}


def test_callers_end_before_an_interrupt_does(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Serial(0.01)
    sleeps = iter([open_loop._sleep_until] * 20)

    def sleep(moment: float) -> None:
        waits = next(sleeps, None)
        if waits is None:
            raise KeyboardInterrupt
        waits(moment)

    monkeypatch.setattr(open_loop, "_sleep_until", sleep)
    with pytest.raises(KeyboardInterrupt):
        OpenLoop(target, 500.0, 60).run(60)

    received = len(target.received)
    threading.Event().wait(0.05)
    assert len(target.received) == received <= 20
