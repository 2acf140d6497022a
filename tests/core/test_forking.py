"""Forked children start anew."""

from __future__ import annotations

import gc
import os
import threading

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


class Ready:
    def __init__(self) -> None:
        self.heard: list[str] = []
        Forks.prepare(self)

    def before_fork(self) -> None:
        self.heard.append("before")

    def after_fork(self) -> None:
        self.heard.append("after")


def _child_gets(holder: Holder) -> bool:
    """Tell whether a child forked while ``holder``'s lock is held can take it."""
    with holder.lock:
        child = os.fork()
        if not child:
            os._exit(0 if holder.lock.acquire(timeout=0.2) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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


def test_who_is_prepared_hears_of_a_fork_before_and_in_the_parent_after() -> None:
    ready = Ready()

    child = os.fork()
    if not child:
        os._exit(0 if ready.heard == ["before"] else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ready.heard == ["before", "after"]


def test_forks_of_several_threads_go_one_after_the_other() -> None:
    ready = Ready()
    codes: list[int] = []

    def fork() -> None:
        for _ in range(10):
            child = os.fork()
            if not child:
                os._exit(0 if Forks._lock.acquire(timeout=0.2) else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    threads = [threading.Thread(target=fork) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert codes == [0] * 40
    assert ready.heard == ["before", "after"] * 40


def test_who_is_gone_is_not_kept() -> None:
    before = len(Forks._renewed)

    Holder()
    gc.collect()

    assert len(Forks._renewed) <= before
