from __future__ import annotations

import threading

import pytest

from turnout.recording.writing_thread import WritingThread

LIMIT_SECONDS = 20


class Written:
    """A recording that keeps what is written for it; each write waits for ``may_write``."""

    def __init__(self, rest: float = 0.0) -> None:
        self.items: list[object] = []
        self.threads: set[str] = set()
        self.may_write, self.done = threading.Event(), threading.Semaphore(0)
        self._rest = rest

    def write(self, item: object) -> float:
        self.may_write.wait(LIMIT_SECONDS)
        self.threads.add(threading.current_thread().name)
        self.items.append(item)
        self.done.release()
        return self._rest


@pytest.fixture
def thread() -> WritingThread:
    return WritingThread()


def test_one_thread_writes_for_all_recordings_in_order(thread: WritingThread) -> None:
    one, other = Written(), Written()
    for number in range(3):
        thread.put(one, number)
        thread.put(other, -number)

    one.may_write.set()
    other.may_write.set()
    for written in (one, other) * 3:
        assert written.done.acquire(timeout=LIMIT_SECONDS)

    assert (one.items, other.items) == ([0, 1, 2], [0, -1, -2])
    assert one.threads == other.threads == {"turnout-record"}
    assert thread.withdraw(one) == thread.withdraw(other) == []
    assert thread._thread is None


def test_what_is_withdrawn_is_not_written(thread: WritingThread) -> None:
    one, other = Written(), Written()
    for item in (1, 2, 3):
        thread.put(one, item)
    thread.put(other, 4)

    while len(left := thread.withdraw(one)) == 3:
        thread.put(one, left.pop())  # the thread has not taken the first one yet
    one.may_write.set()
    other.may_write.set()

    assert other.done.acquire(timeout=LIMIT_SECONDS)
    assert len(left) + len(one.items) <= 3
    assert other.items == [4]
    assert thread.withdraw(other) == []


def test_a_recording_that_ends_is_not_kept_waiting_by_a_rest(thread: WritingThread) -> None:
    resting = Written(rest=3600.0)
    resting.may_write.set()
    thread.put(resting, 1)
    thread.put(resting, 2)
    assert resting.done.acquire(timeout=LIMIT_SECONDS)

    thread.hurry(resting)

    assert resting.done.acquire(timeout=LIMIT_SECONDS)
    assert thread.withdraw(resting) == []
