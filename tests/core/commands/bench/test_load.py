"""Callers that send their next request when they are outcome."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter

import numpy as np
import pytest

from turnout.commands.bench.load import ClosedLoop, LoadOutcome
from turnout.errors import OverloadedError
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.recording import RecordedRequest
from turnout.testing import PlusOne, Unavailable

RECORDS = [
    RecordedRequest({"x": np.full((1,), number, np.float32)}, id=str(number), parameters={"n": number}, name=name)
    for number, name in enumerate(("first", "second", "third"))
]


class Counts(PlusOne):
    """Counts requests by id, and how many are in flight; refuses every ``refuse``th."""

    def __init__(self, refuse: int = 0) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.received: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self.deadlines: list[float | None] = []
        self.refuse = refuse

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        with self.lock:
            self.received[request.id] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.deadlines.append(request.deadline)
            refused = self.refuse and self.received.total() % self.refuse == 0
        time.sleep(0.001)  # what a model takes
        with self.lock:
            self.at_once -= 1
        if refused:
            raise OverloadedError("full")
        return super().infer(request)


@pytest.mark.clock
def test_every_request_is_counted_and_the_records_come_in_turn() -> None:
    model = Counts()

    seconds, outcome = ClosedLoop(model, RECORDS, 4, 60).run(0.2)

    assert seconds >= 0.2
    assert len(outcome.latencies) == model.received.total() > 8
    assert max(model.received.values()) - min(model.received.values()) <= 1
    assert model.most_at_once == 4
    assert min(outcome.latencies) >= 0.001
    assert not outcome.errors


def test_a_request_has_its_records_parameters_and_a_deadline() -> None:
    seen: list[InferenceRequest] = []

    class Keeps(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            seen.append(request)
            return super().infer(request)

    before = time.monotonic()
    ClosedLoop(Keeps(), RECORDS[2:], 1, 7).run(0.01)

    assert (seen[0].id, seen[0].parameters) == ("2", {"n": 2})
    assert before + 7 <= (seen[0].deadline or 0) <= time.monotonic() + 7


@pytest.mark.clock
def test_refusals_are_counted_by_name_and_are_no_latencies() -> None:
    model = Counts(refuse=3)

    _, outcome = ClosedLoop(model, RECORDS, 2, 60).run(0.2)

    assert outcome.errors == {"OverloadedError": model.received.total() // 3}
    assert outcome.said == {"OverloadedError": "'third': full"}
    assert len(outcome.latencies) == model.received.total() - model.received.total() // 3


@pytest.mark.clock
def test_callers_pause_after_a_failure() -> None:
    _, outcome = ClosedLoop(Unavailable(), RECORDS, 2, 60).run(0.2)

    assert 2 <= outcome.errors["BackendUnavailableError"] <= 2 * 21
    assert not outcome.latencies


@pytest.mark.clock
def test_a_slow_request_ends_the_round_late_and_is_counted() -> None:
    class Slow(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            time.sleep(0.05)
            return super().infer(request)

    seconds, outcome = ClosedLoop(Slow(), RECORDS, 2, 60).run(0.001)

    assert len(outcome.latencies) == 2
    assert seconds >= 0.05


def test_the_message_of_the_first_failure_of_each_name_is_held() -> None:
    together = LoadOutcome()
    together.add(LoadOutcome([1.0], Counter(A=1), {"A": "first"}))
    together.add(LoadOutcome([2.0], Counter(A=2, B=1), {"A": "second", "B": "other"}))

    assert together.latencies == [1.0, 2.0]
    assert together.errors == {"A": 3, "B": 1}
    assert together.said == {"A": "first", "B": "other"}


def test_callers_end_before_an_interrupt_does() -> None:
    """A thread that is in an engine when the interpreter ends would abort the process."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    model = Counts()
    previous = signal.signal(signal.SIGUSR1, interrupt)
    later = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    later.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ClosedLoop(model, RECORDS, 4, 60).run(60)
    finally:
        signal.signal(signal.SIGUSR1, previous)
        later.join()

    received = model.received.total()
    threading.Event().wait(0.02)
    assert (model.received.total(), model.at_once) == (received, 0)
