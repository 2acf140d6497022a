"""The rate of a closed loop: callers that send their next row as soon as they have an answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

WARM_SECONDS = 0.15
_END_SECONDS = 10.0

Call = Callable[[np.ndarray], np.ndarray]
AsyncCall = Callable[[np.ndarray], Awaitable[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Load:
    """A row for each caller, with the answers that they must get."""

    rows: np.ndarray
    answers: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, count: int) -> Load:
        """Return the load of the first callers."""
        return Load(self.rows[:count], self.answers[:count])

    def check(self, number: int, answer: np.ndarray) -> None:
        """Raise AssertionError if ``answer`` is not the one of that caller."""
        if not np.allclose(np.ravel(answer), np.ravel(self.answers[number]), rtol=1e-4, atol=1e-5):
            raise AssertionError("a caller got an answer that is not its own")


def rate_of_threads(call: Call, load: Load, seconds: float) -> float:
    """Return the answers a second of one thread for each row; the first answer of each is checked."""
    counts, problems, stop = [0] * len(load), [], threading.Event()

    def work(number: int) -> None:
        row = load.rows[number]
        try:
            load.check(number, call(row))
            while not stop.is_set():
                call(row)
                counts[number] += 1
        except Exception as error:  # noqa: BLE001  # raised below, in the caller's thread
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(load))]
    for thread in threads:
        thread.start()
    time.sleep(WARM_SECONDS)
    before, start = sum(counts), time.perf_counter()
    time.sleep(seconds)
    rate = (sum(counts) - before) / (time.perf_counter() - start)
    stop.set()
    for thread in threads:
        thread.join(_END_SECONDS)
    if problems or any(thread.is_alive() for thread in threads):
        raise problems[0] if problems else TimeoutError("its callers wait without end")
    return rate


async def rate_of_tasks(call: AsyncCall, load: Load, seconds: float) -> float:
    """Return the answers a second of one task for each row."""
    counts, stop = [0] * len(load), False

    async def work(number: int) -> None:
        row = load.rows[number]
        load.check(number, await call(row))
        while not stop:
            await call(row)
            counts[number] += 1

    tasks = [asyncio.create_task(work(number)) for number in range(len(load))]
    await asyncio.sleep(WARM_SECONDS)
    before, start = sum(counts), time.perf_counter()
    await asyncio.sleep(seconds)
    rate = (sum(counts) - before) / (time.perf_counter() - start)
    stop = True
    await asyncio.wait_for(asyncio.gather(*tasks), _END_SECONDS)
    return rate
