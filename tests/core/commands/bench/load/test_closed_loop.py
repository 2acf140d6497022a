"""Callers that send their next request when they are answered."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping

import pytest

from turnout.commands.bench.load.closed_loop import ClosedLoop
from turnout.errors import BackendUnavailableError, OverloadedError


class Counts:
    """Counts requests by number, and how many are in flight; refuses every ``refuse``th."""

    def __init__(self, refuse: int = 0, seconds: float = 0.001) -> None:
        self.lock = threading.Lock()
        self.received: Counter[int] = Counter()
        self.at_once = self.most_at_once = 0
        self.deadlines: list[float] = []
        self.refuse = refuse
        self.seconds = seconds

    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        with self.lock:
            self.received[number % 3] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.deadlines.append(deadline)
            refused = self.refuse and self.received.total() % self.refuse == 0
        time.sleep(self.seconds)  # what a model takes
        with self.lock:
            self.at_once -= 1
        if refused:
            raise OverloadedError("full")
        return {"queue": 0.25}

    def name(self, number: int) -> str:
        return ("first", "second", "third")[number % 3]


class Away(Counts):
    def send(self, number: int, deadline: float) -> Mapping[str, float]:
        raise BackendUnavailableError("away")


@pytest.mark.clock
def test_every_request_is_counted_and_the_numbers_come_in_turn() -> None:
    target = Counts()

    seconds, outcome = ClosedLoop(target, 4, 60).run(0.2)

    assert seconds >= 0.2
    assert len(outcome.latencies) == outcome.sent == target.received.total() > 8
    assert max(target.received.values()) - min(target.received.values()) <= 1
    assert target.most_at_once == 4
    assert min(outcome.latencies) >= 0.001
    assert outcome.parts == {"queue": 0.25 * outcome.sent}
    assert not outcome.errors


def test_a_number_of_requests_is_sent_exactly() -> None:
    target = Counts()
    loop = ClosedLoop(target, 4, 60)

    outcomes = [loop.run(math.inf, count)[1] for count in (10, 1, 7)]

    assert [one.sent for one in outcomes] == [10, 1, 7]
    assert target.received == {0: 6, 1: 6, 2: 6}


def test_a_request_has_a_deadline() -> None:
    target = Counts()

    before = time.monotonic()
    ClosedLoop(target, 1, 7).run(0.01)

    assert before + 7 <= target.deadlines[0] <= time.monotonic() + 7


@pytest.mark.clock
def test_refusals_are_counted_by_name_and_are_no_latencies() -> None:
    target = Counts(refuse=3)

    _, outcome = ClosedLoop(target, 1, 60).run(0.2)

    assert outcome.errors == {"OverloadedError": target.received.total() // 3}
    assert outcome.said == {"OverloadedError": "'third': full"}
    assert len(outcome.latencies) == target.received.total() - target.received.total() // 3


@pytest.mark.clock
def test_callers_pause_after_a_failure() -> None:
    _, outcome = ClosedLoop(Away(), 2, 60).run(0.2)

    assert 2 <= outcome.errors["BackendUnavailableError"] <= 2 * 21
    assert not outcome.latencies


@pytest.mark.clock
def test_a_slow_request_ends_the_round_late_and_is_counted() -> None:
    seconds, outcome = ClosedLoop(Counts(seconds=0.05), 2, 60).run(0.001)

    assert len(outcome.latencies) == 2
    assert seconds >= 0.05


def test_a_defect_of_the_target_is_raised_and_not_counted() -> None:
    class Broken(Counts):
        def send(self, number: int, deadline: float) -> Mapping[str, float]:
            raise KeyError("defect")

    with pytest.raises(KeyError, match="defect"):
        ClosedLoop(Broken(), 2, 60).run(0.1)


def test_callers_end_before_an_interrupt_does() -> None:
    """A thread that is in an engine when the interpreter ends would abort the process."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    target = Counts()
    previous = signal.signal(signal.SIGUSR1, interrupt)
    later = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    later.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ClosedLoop(target, 4, 60).run(60)
    finally:
        signal.signal(signal.SIGUSR1, previous)
        later.join()

    received = target.received.total()
    threading.Event().wait(0.02)
    assert (target.received.total(), target.at_once) == (received, 0)
