"""Every caller whose answer is there is woken, in whatever order callers wake, leave and arrive."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from turnout.batching.callers import ThreadRequest, WakeChains
from turnout.inference import InferenceRequest

X = np.zeros((1, 2), np.float32)


class Caller(ThreadRequest):
    """A caller without a thread."""

    __slots__ = ("is_awake",)

    def __init__(self) -> None:
        super().__init__(InferenceRequest({"x": X}))
        self.is_awake = False

    def wake(self) -> None:
        self.is_awake = True


@given(st.data())
def test_nobody_sleeps_on(data: st.DataObject) -> None:
    chains = WakeChains()
    asleep: list[Caller] = []
    gone_on = 0
    for _ in range(data.draw(st.integers(1, 12))):
        arriving = [Caller() for _ in range(data.draw(st.integers(0, 5)))]
        chains.add(arriving)
        asleep += arriving
        for _ in range(data.draw(st.integers(0, 5))):
            # A caller goes on when it is woken, or earlier, at its deadline.
            able = [caller for caller in asleep if caller.is_awake]
            late = asleep if data.draw(st.booleans()) else able
            if late:
                asleep.remove(chosen := data.draw(st.sampled_from(late)))
                chains.pass_on()
                gone_on += chosen.is_awake
    while awake := [caller for caller in asleep if caller.is_awake]:
        asleep.remove(awake[0])
        chains.pass_on()

    assert not asleep


@given(st.integers(1, 30))
def test_one_caller_at_a_time_is_woken(count: int) -> None:
    chains = WakeChains()
    callers = [Caller() for _ in range(count)]

    chains.add(callers)

    for number in range(count):
        assert [caller.is_awake for caller in callers].count(True) == number + 1
        chains.pass_on()


def test_threads_that_add_and_go_on_at_once_wake_everybody() -> None:
    chains = WakeChains()
    rounds, callers = 300, 8
    begin = threading.Barrier(callers)

    def call(number: int) -> None:
        begin.wait(20)
        for _ in range(rounds):
            queued = ThreadRequest(InferenceRequest({"x": X}))
            chains.add([queued])
            assert queued.wait(20), f"caller {number} sleeps on"
            chains.pass_on()

    with ThreadPoolExecutor(callers) as pool:
        for future in [pool.submit(call, number) for number in range(callers)]:
            future.result(60)
