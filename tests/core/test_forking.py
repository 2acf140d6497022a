"""Forked children reset their locks and state."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable

import pytest

from turnout.forking import Forks


class Holder:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        Forks.renew(self)

    def renew(self) -> None:
        self.lock = threading.Lock()


class Forgetful(Holder):
    """The planted bug: it keeps a lock that a thread of the parent holds."""

    def renew(self) -> None:
        pass


class Counter:
    """Counts the calls around forks."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self.error = error
        Forks.prepare(self)

    def around_fork(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error


def _run_in_child(work: Callable[[], bool]) -> bool:
    child = os.fork()
    if not child:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _child_gets(holder: Holder) -> bool:
    """Return whether a child that is forked while ``holder``'s lock is held can acquire it."""
    with holder.lock:
        return _run_in_child(lambda: holder.lock.acquire(timeout=0.2))


def test_a_child_has_locks_of_its_own() -> None:
    assert _child_gets(Holder())


def test_a_lock_that_is_not_renewed_is_detected() -> None:
    assert not _child_gets(Forgetful())


def test_a_child_counts_its_fork() -> None:
    before = Forks.count
    child = os.fork()
    if not child:
        os._exit(Forks.count - before)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert Forks.count == before


def test_around_fork_is_called_before_a_fork_and_again_in_the_parent() -> None:
    counter = Counter()

    assert _run_in_child(lambda: counter.calls == 1)
    assert counter.calls == 2


def test_threads_can_fork_at_the_same_time() -> None:
    counter = Counter()
    good: list[bool] = []
    threads = [threading.Thread(target=lambda: good.extend(_run_in_child(lambda: True) for _ in range(10))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert good == [True] * 40
    assert counter.calls == 80


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_stops_neither_the_fork_nor_the_others() -> None:
    counters = [Counter(error) for error in (None, ValueError("no"), None)]

    assert _run_in_child(lambda: [one.calls for one in counters] == [1, 1, 1])
    assert [one.calls for one in counters] == [2, 2, 2]
    counters[1].error = None


def test_holders_may_register_during_a_fork() -> None:
    """A set that grows during a loop over it raises."""
    end = threading.Event()

    def register() -> None:
        while not end.is_set():
            for _ in range(50):
                Counter()

    thread = threading.Thread(target=register)
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3000):
            Forks.around()
    finally:
        sys.setswitchinterval(interval)
        end.set()
        thread.join(10)


def test_a_deleted_holder_is_not_kept() -> None:
    before = len(Forks._renewed)

    Holder()
    gc.collect()

    assert len(Forks._renewed) <= before
