"""Who runs the batches of a queue."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from turnout.batching.callers import ThreadRequest, deliver
from turnout.batching.dispatch import Dispatcher
from turnout.batching.leaders import LeaderThreads
from turnout.batching.queued import QueuedRequest
from turnout.batching.rules import batch_rules
from turnout.batching.schedule import Schedule
from turnout.inference import InferenceRequest, InferenceResponse

INSTANCES = 2


class Together:
    """Waits in each run until as many run as there are instances; counts those that were alone."""

    def __init__(self) -> None:
        self.all = threading.Barrier(INSTANCES, timeout=5)
        self.alone = 0

    def run(self, requests: Sequence[QueuedRequest]) -> None:
        try:
            self.all.wait()
        except threading.BrokenBarrierError:
            self.alone += 1
        for queued in requests:
            queued.answer(InferenceResponse(queued.request.inputs))


@pytest.fixture
def often() -> Iterator[None]:
    """Let threads take turns a thousand times as often as usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    yield
    sys.setswitchinterval(usual)


def thread_request() -> ThreadRequest:
    return ThreadRequest(InferenceRequest({"x": np.zeros((1, 2), np.float32)}))


def dispatcher_of(execution: Together) -> Dispatcher:
    leaders = LeaderThreads("test-batch", INSTANCES)
    return Dispatcher(Schedule(batch_rules(None, 1), INSTANCES), execution, leaders, time.monotonic)


def test_a_caller_that_runs_the_batch_of_another_is_not_appointed_to_run_its_own() -> None:
    execution = Together()
    dispatcher = dispatcher_of(execution)
    appointed, present = thread_request(), thread_request()
    dispatcher.enqueue(appointed)
    # It takes the lead, since its thread is awake, and the first request is not its own.
    dispatcher.enqueue(present)

    others = threading.Thread(target=dispatcher.wait, args=[present])
    others.start()
    dispatcher.wait(appointed)
    others.join(10)

    dispatcher.drain(RuntimeError)
    assert [queued.response() is not None for queued in (appointed, present)] == [True, True]
    assert execution.alone == 0


def test_a_caller_that_runs_a_batch_wakes_no_other_meanwhile() -> None:
    running, asleep = thread_request(), thread_request()
    for queued in (running, asleep):
        queued.answer(InferenceResponse(queued.request.inputs))
    running.can_lead = False

    woken = deliver([running, asleep])

    assert woken.threads == [asleep]
    assert running.is_delivered


class Hasty(ThreadRequest):
    """A caller that is awake and goes on as soon as it sees its answer."""

    __slots__ = ("in_chain_when_seen",)

    @property
    def is_delivered(self) -> bool:
        return False

    @is_delivered.setter
    def is_delivered(self, delivered: bool) -> None:
        if delivered:
            self.in_chain_when_seen = self.in_chain


def test_a_caller_that_goes_on_at_once_knows_that_others_wait_behind_it() -> None:
    hasty = Hasty(InferenceRequest({"x": np.zeros((1, 2), np.float32)}))
    hasty.answer(InferenceResponse(hasty.request.inputs))

    woken = deliver([hasty])

    assert woken.threads == [hasty]
    assert hasty.in_chain_when_seen


def test_no_instance_stands_idle_while_requests_wait(often) -> None:
    execution = Together()
    dispatcher = dispatcher_of(execution)
    for _ in range(20):
        left = deque(range(120))
        callers = [threading.Thread(target=call, args=[dispatcher, left]) for _ in range(6)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(60)

    dispatcher.drain(RuntimeError)
    assert execution.alone == 0


def call(dispatcher: Dispatcher, left: deque[int]) -> None:
    while True:
        try:
            left.pop()
        except IndexError:
            return
        queued = thread_request()
        dispatcher.enqueue(queued)
        dispatcher.wait(queued)
        dispatcher.go_on(queued)
