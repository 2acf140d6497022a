"""One line a minute, which says how many were left out."""

from __future__ import annotations

import threading

from turnout.log_pace import LogPace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_line_is_admitted_and_then_one_a_minute() -> None:
    clock = Clock()
    pace = LogPace(clock)

    admitted = []
    for second in range(150):
        clock.now = second
        admitted.append(pace.admit())

    assert [(second, left) for second, left in enumerate(admitted) if left is not None] == [(0, 0), (60, 59), (120, 59)]


def test_many_threads_get_one_line() -> None:
    pace, barrier, admitted = LogPace(Clock()), threading.Barrier(8, timeout=20), []

    def ask() -> None:
        barrier.wait()
        admitted.extend(pace.admit() for _ in range(100))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len([one for one in admitted if one is not None]) == 1
