"""Forked children start anew."""

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
    """The planted bug: it keeps the lock that a thread of the parent's holds."""

    def renew(self) -> None:
        pass


class Parts:
    """Keeps how often it was told of a fork."""

    def __init__(self, error: Exception | None = None) -> None:
        self.told = 0
        self.error = error
        Forks.prepare(self)

    def around_fork(self) -> None:
        self.told += 1
        if self.error is not None:
            raise self.error


def _forked(work: Callable[[], bool]) -> bool:
    child = os.fork()
    if not child:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _child_gets(holder: Holder) -> bool:
    """Tell whether a child forked while ``holder``'s lock is held can take it."""
    with holder.lock:
        return _forked(lambda: holder.lock.acquire(timeout=0.2))


def test_a_child_has_locks_of_its_own() -> None:
    assert _child_gets(Holder())


def test_a_lock_that_is_not_renewed_would_have_been_seen() -> None:
    assert not _child_gets(Forgetful())


def test_a_child_knows_that_it_is_one() -> None:
    before = Forks.count
    child = os.fork()
    if not child:
        os._exit(Forks.count - before)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert Forks.count == before


def test_who_is_prepared_hears_of_a_fork_before_and_in_the_parent_once_more() -> None:
    parts = Parts()

    assert _forked(lambda: parts.told == 1)
    assert parts.told == 2


def test_threads_fork_at_the_same_time_and_nothing_is_held_afterwards() -> None:
    parts = Parts()
    good: list[bool] = []
    threads = [threading.Thread(target=lambda: good.extend(_forked(lambda: True) for _ in range(10))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert good == [True] * 40
    assert parts.told == 80


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_who_fails_hinders_neither_the_fork_nor_the_others() -> None:
    parts = [Parts(error) for error in (None, ValueError("no"), None)]

    assert _forked(lambda: [one.told for one in parts] == [1, 1, 1])
    assert [one.told for one in parts] == [2, 2, 2]
    parts[1].error = None


def test_holders_may_come_while_somebody_forks() -> None:
    """A set that grows in the midst of a loop over it raises."""
    end = threading.Event()

    def come() -> None:
        while not end.is_set():
            for _ in range(50):
                Parts()

    comer = threading.Thread(target=come)
    comer.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3000):
            Forks.around()
    finally:
        sys.setswitchinterval(interval)
        end.set()
        comer.join(10)


def test_who_is_gone_is_not_kept() -> None:
    before = len(Forks._renewed)

    Holder()
    gc.collect()

    assert len(Forks._renewed) <= before
