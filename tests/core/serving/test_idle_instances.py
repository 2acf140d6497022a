"""Idle instances: each is with one request at a time, and the longest waiting request is the next."""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.errors import ClosedError
from turnout.serving.idle_instances import IdleInstances

LIMIT_SECONDS = 20


class Taker(threading.Thread):
    """Takes an instance; has it, or the error, when it has ended."""

    def __init__(self, idle: IdleInstances[str], deadline: float | None = None) -> None:
        super().__init__(daemon=True)
        self.idle = idle
        self.deadline = deadline
        self.got: str | Exception | None = None
        waiting = len(idle._waiting)
        self.start()
        until = time.monotonic() + LIMIT_SECONDS
        while self.is_alive() and len(idle._waiting) == waiting and time.monotonic() < until:
            time.sleep(0.001)

    def run(self) -> None:
        try:
            self.got = self.idle.take(self.deadline)
        except Exception as error:  # noqa: BLE001
            self.got = error

    def result(self) -> str | Exception | None:
        self.join(LIMIT_SECONDS)
        assert not self.is_alive()
        return self.got


def test_the_instance_that_was_used_last_is_taken_first() -> None:
    idle = IdleInstances("abc")

    taken = [idle.take() for _ in range(3)]
    for instance in "bac":
        idle.give_back(instance)

    assert (taken, [idle.take() for _ in range(3)]) == (["a", "b", "c"], ["c", "a", "b"])


def test_an_instance_that_was_suspended_is_taken_last_and_one_that_has_rested_first() -> None:
    idle = IdleInstances("abc", lambda: now)
    now = 100.0

    idle.suspend(idle.take())
    idle.resume("a")
    after_failure = [idle.take() for _ in range(3)]
    idle.suspend("b")
    idle.resume("b", 1.0)
    idle.give_back("a")
    now = 101.0

    assert after_failure == ["b", "c", "a"]
    assert idle.take() == "b"


def test_the_longest_waiting_request_is_the_next() -> None:
    idle = IdleInstances("a")
    idle.take()
    takers = [Taker(idle) for _ in range(4)]

    order = []
    for _ in takers:
        idle.give_back("a")
        order.append(next(taker for taker in takers if taker not in order and (taker.join(0.2), not taker.is_alive())[1]))

    assert order == takers


def test_a_request_waits_until_its_deadline_and_leaves_no_trace() -> None:
    idle = IdleInstances("a")
    idle.take()

    with pytest.raises(TimeoutError):
        idle.take(time.monotonic() + 0.02)
    idle.give_back("a")

    assert not idle._waiting
    assert idle.take(time.monotonic()) == "a"


def test_an_idle_instance_is_taken_even_after_the_deadline() -> None:
    assert IdleInstances("a").take(time.monotonic() - 1) == "a"


def test_closing_ends_every_wait_and_every_later_one() -> None:
    idle = IdleInstances("a")
    idle.take()
    takers = [Taker(idle) for _ in range(2)]

    idle.close(ClosedError("closed"))

    assert [type(taker.result()) for taker in takers] == [ClosedError, ClosedError]
    with pytest.raises(ClosedError):
        idle.take()


def test_an_instance_rests_until_its_time() -> None:
    now = 100.0
    idle = IdleInstances("ab", lambda: now)

    assert idle.suspend(idle.take())
    assert idle.resume("a", 1.0)
    assert [idle.take(), isinstance(Taker(idle, 100.0).result(), TimeoutError)] == ["b", True]
    now = 101.0
    assert idle.take() == "a"


def test_a_waiting_request_gets_an_instance_whose_rest_ends_while_the_others_are_busy() -> None:
    idle = IdleInstances("ab")
    idle.suspend(idle.take())
    idle.resume("a", 0.05)
    idle.take()

    assert Taker(idle).result() == "a"


def test_a_suspended_instance_is_idle_when_it_is_resumed_and_not_before() -> None:
    idle = IdleInstances("ab")
    idle.suspend(idle.take())

    assert idle.take() == "b"
    with pytest.raises(TimeoutError):
        idle.take(time.monotonic() + 0.02)
    waiting = Taker(idle)
    idle.resume("a")
    assert waiting.result() == "a"


@pytest.mark.parametrize("rest_seconds", [0.0, 60.0])
def test_the_last_instance_does_not_rest(rest_seconds: float) -> None:
    idle = IdleInstances("ab")
    first, second = idle.take(), idle.take()

    assert (idle.suspend(first), idle.suspend(second)) == (True, False)
    assert idle.take() == "b"
    assert idle.resume(first, rest_seconds) is bool(rest_seconds)


def test_an_instance_that_comes_at_the_last_moment_is_not_lost() -> None:
    idle = IdleInstances("a")
    idle.take()
    waiter = Taker(idle, time.monotonic() + 0.05)
    [entry] = idle._waiting
    assert entry.claim()  # as give_back does it, just before it hands the instance over
    threading.Timer(0.2, entry.given.set_result, ["a"]).start()

    assert isinstance(waiter.result(), TimeoutError)
    assert idle.take(time.monotonic() + LIMIT_SECONDS) == "a"


def test_an_instance_that_comes_back_just_before_a_request_begins_to_wait_is_not_overlooked() -> None:
    idle = IdleInstances("a")
    idle.take()

    class Late(deque[Any]):
        def append(self, waiter: Any) -> None:
            idle.give_back("a")
            super().append(waiter)

    idle._waiting = Late()

    assert idle.take(time.monotonic() + LIMIT_SECONDS) == "a"


def test_the_garbage_collector_may_give_an_instance_back_at_any_point() -> None:
    idle = IdleInstances("a")

    def hold() -> object:
        taken = idle.take()
        try:
            yield taken
        finally:
            idle.give_back(taken)

    def lose() -> None:
        stream = hold()
        next(stream)
        circle: list[object] = [stream]
        circle.append(circle)

    threshold = gc.get_threshold()
    gc.freeze()  # a collection looks at the objects of this test only
    gc.set_threshold(1)
    try:
        for _ in range(2000):
            lose()
            idle.give_back(idle.take(time.monotonic() + LIMIT_SECONDS))
    finally:
        gc.set_threshold(*threshold)
        gc.unfreeze()


@settings(deadline=None, max_examples=25)
@given(
    instances=st.integers(1, 4),
    threads=st.integers(1, 12),
    calls=st.integers(1, 40),
    hurried=st.booleans(),
    resting=st.booleans(),
)
def test_no_instance_is_with_two_requests_and_none_is_lost(
    instances: int, threads: int, calls: int, hurried: bool, resting: bool
) -> None:
    idle = IdleInstances(range(instances))
    users = [threading.Lock() for _ in range(instances)]

    def use(number: int) -> int:
        answered = 0
        for call in range(calls):
            late = hurried and (number + call) % 3 == 0
            try:
                taken = idle.take(time.monotonic() + (0.0001 if late else LIMIT_SECONDS))
            except TimeoutError:
                assert late
                continue
            assert users[taken].acquire(blocking=False)
            answered += 1
            time.sleep(0 if call % 4 else 0.0001)
            users[taken].release()
            if not (resting and call % 5 == 0):
                idle.give_back(taken)
            elif idle.suspend(taken):
                idle.resume(taken, 0.001 * (call % 2))
        return answered

    with ThreadPoolExecutor(threads) as pool:
        answered = sum(pool.map(use, range(threads)))

    assert hurried or answered == threads * calls
    assert sorted(idle.take(time.monotonic() + LIMIT_SECONDS) for _ in range(instances)) == list(range(instances))
    assert not idle._waiting
