from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from turnout_vision.runs.ordered_threads import OrderedThreads

WAIT_SECONDS = 10


def test_results_come_in_the_order_of_the_items_whichever_is_first() -> None:
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second.wait(WAIT_SECONDS)
        second.set()
        return item * item

    threads = OrderedThreads(work, range(40), 2, "work")

    assert list(threads.results()) == [item * item for item in range(40)]
    assert threads.stop(wait=True) == []


def test_as_many_items_are_worked_on_at_once_as_there_are_threads() -> None:
    together = threading.Barrier(3, timeout=WAIT_SECONDS)

    threads = OrderedThreads(lambda _: together.wait(), range(6), 3, "work")

    assert sorted(threads.results()) == [0, 0, 1, 1, 2, 2]
    threads.stop(wait=True)


def test_the_threads_are_named_and_end() -> None:
    names = set()

    threads = OrderedThreads(lambda _: names.add(threading.current_thread().name), range(5), 2, "turnout-test")
    list(threads.results())
    threads.stop(wait=True)

    assert names <= {"turnout-test_0", "turnout-test_1"}
    assert not any(thread.name.startswith("turnout-test") for thread in threading.enumerate())


def until_others_wait(started: list[int], release: threading.Event) -> Callable[[int], int]:
    """Return a work whose first item waits for ``release``."""

    def work(item: int) -> int:
        started.append(item)
        if item == 0:
            assert release.wait(WAIT_SECONDS)
        return item

    return work


def test_only_a_few_results_wait_for_a_slow_one() -> None:
    started: list[int] = []
    release = threading.Event()
    threads = OrderedThreads(until_others_wait(started, release), range(1000), 2, "work")
    taken: list[int] = []
    taker = threading.Thread(target=lambda: taken.extend(threads.results()))

    taker.start()
    while len(started) < 8:
        pass
    others = threads._pool.submit(threading.get_ident)  # runs after all that has been begun
    others.result(WAIT_SECONDS)

    assert started == list(range(8))
    release.set()
    taker.join(WAIT_SECONDS)
    assert taken == list(range(1000))
    threads.stop(wait=True)


def test_an_error_is_raised_at_its_turn_and_nothing_starts_after_it() -> None:
    started = []

    def work(item: int) -> int:
        started.append(item)
        if item == 2:
            raise ValueError("two")
        return item

    threads = OrderedThreads(work, range(100), 1, "work")
    results = []

    with pytest.raises(ValueError, match="two"):
        results.extend(threads.results())

    assert threads.stop(wait=True) == []
    assert started == [0, 1, 2]


def test_a_stop_returns_what_is_finished_and_not_taken() -> None:
    release = threading.Event()
    last = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert release.wait(WAIT_SECONDS)
        if item == 3:
            last.set()
            assert release.wait(WAIT_SECONDS)
        return item

    threads = OrderedThreads(work, range(100), 2, "work")
    threads._begin(8)
    assert last.wait(WAIT_SECONDS)

    finished = threads.stop(wait=False)
    release.set()

    assert finished == [1, 2]
    assert threads.stop(wait=True) == []
