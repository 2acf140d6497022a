"""The rate of a closed loop: callers that send their next row as soon as they have an answer."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

WARM_SECONDS, _END_SECONDS = 60.0, 30.0
STUCK = "a caller waits without end"

Call = Callable[[np.ndarray], np.ndarray]
AsyncCall = Callable[[np.ndarray], Awaitable[np.ndarray]]


def close(answer: np.ndarray, expected: np.ndarray) -> bool:
    """Return True if both are one answer in FP32, computed in batches of other sizes."""
    return np.allclose(np.ravel(answer), np.ravel(expected), rtol=1e-4, atol=1e-5)


@dataclass(frozen=True, slots=True)
class Load:
    """A row for each caller, the answers that they must get, and the comparison of both."""

    rows: np.ndarray
    answers: np.ndarray
    same: Callable[[np.ndarray, np.ndarray], bool] = close

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, count: int) -> Load:
        """Return the load of the first callers."""
        return Load(self.rows[:count], self.answers[:count], self.same)

    def check(self, number: int, answer: np.ndarray) -> None:
        """Raise AssertionError if ``answer`` is not the one of that caller."""
        if not self.same(answer, self.answers[number]):
            raise AssertionError("a caller got an answer that is not its own")


@dataclass(frozen=True, slots=True)
class Reading:
    """The answers a second, and the CPU of the whole process for each, which other processes on the machine hardly change."""

    rate: float
    cpu_microseconds: float


@dataclass(slots=True)
class Clock:
    """The window in which answers count: from the first answer of every caller, for so many seconds, with enough answers."""

    counts: list[int]
    seconds: float
    start: float = 0.0
    cpu: float = 0.0
    before: int = 0

    def begin(self) -> None:
        """Begin the window."""
        self.before, self.start, self.cpu = sum(self.counts), time.perf_counter(), time.process_time()

    def over(self) -> bool:
        """Return True at the end of the window; a slow model may have ten times as long for two answers each."""
        passed = time.perf_counter() - self.start
        enough = sum(self.counts) - self.before >= 2 * len(self.counts)
        return passed >= self.seconds * (1 if enough else 10)

    def read(self) -> Reading:
        """Return the figures until now."""
        answers = sum(self.counts) - self.before
        cpu = 1e6 * (time.process_time() - self.cpu) / max(1, answers)
        return Reading(answers / (time.perf_counter() - self.start), cpu)


def rate_of_threads(call: Call, load: Load, seconds: float) -> Reading:
    """Return the figures of one thread for each row; the first answer of each is checked.

    Raises:
        TimeoutError: a caller has no answer after 60 s.
    """
    counts, problems, stop = [0] * len(load), [], threading.Event()
    warm = threading.Barrier(len(load) + 1)

    def work(number: int) -> None:
        row = load.rows[number]
        try:
            load.check(number, call(row))
            warm.wait(WARM_SECONDS)
            while not stop.is_set():
                call(row)
                counts[number] += 1
        except Exception as error:  # noqa: BLE001  # raised below, in the caller's thread
            problems.append(error)
            warm.abort()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(load))]
    for thread in threads:
        thread.start()
    with contextlib.suppress(threading.BrokenBarrierError):
        warm.wait(WARM_SECONDS)
    clock = Clock(counts, seconds)
    clock.begin()
    while not clock.over() and not problems:
        time.sleep(seconds if clock.read().rate == 0 else seconds / 10)
    reading = clock.read()
    stop.set()
    for thread in threads:
        thread.join(_END_SECONDS)
    if problems or any(thread.is_alive() for thread in threads):
        raise next((one for one in problems if not isinstance(one, threading.BrokenBarrierError)), TimeoutError(STUCK))
    return reading


async def rate_of_tasks(call: AsyncCall, load: Load, seconds: float) -> Reading:
    """Return the figures of one task for each row, as ``rate_of_threads``."""
    counts, stop = [0] * len(load), False

    async def work(number: int) -> None:
        row = load.rows[number]
        while not stop:
            await call(row)
            counts[number] += 1

    first = [asyncio.create_task(call(row)) for row in load.rows]
    for number, answer in enumerate(await asyncio.wait_for(asyncio.gather(*first), WARM_SECONDS)):
        load.check(number, answer)
    tasks = [asyncio.create_task(work(number)) for number in range(len(load))]
    clock = Clock(counts, seconds)
    clock.begin()
    while not clock.over():
        await asyncio.sleep(seconds / 10)
    reading = clock.read()
    stop = True
    await asyncio.wait_for(asyncio.gather(*tasks), _END_SECONDS)
    return reading
