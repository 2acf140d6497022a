"""The least that a batcher can do in Python: a lock and a list, and one wake for each row.

No validation, deadlines, errors, cancellation, limits or metrics: what a batcher with these costs more than this one is their
price; what this one costs is the price of threads and of event loops.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from batching_peers import Rows

_WAIT_SECONDS = 0.02


class _Waiting:
    __slots__ = ("answer", "awake", "following", "row")

    def __init__(self, row: np.ndarray) -> None:
        self.row = row
        self.answer: Any = None
        self.following: _Waiting | None = None
        self.awake = threading.Lock()
        self.awake.acquire()


class BareThreads:
    """Runs the rows of ``callers`` threads as one batch, in the thread that completes it; each thread wakes the next one."""

    def __init__(self, compute: Rows, callers: int) -> None:
        self._compute = compute
        self._callers = callers
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []

    def __call__(self, row: np.ndarray) -> np.ndarray:
        """Return the answer to ``row``."""
        own = _Waiting(row)
        with self._lock:
            self._waiting.append(own)
            batch = self._take() if len(self._waiting) >= self._callers else []
        # Without the callers that have ended, no batch is complete any more.
        while not batch and not own.awake.acquire(timeout=_WAIT_SECONDS):
            with self._lock:
                batch = self._take() if any(one is own for one in self._waiting) else []
        if batch:
            self._run(batch, own)
        if own.following is not None:
            own.following.awake.release()
        return own.answer

    def _take(self) -> list[_Waiting]:
        batch, self._waiting = self._waiting, []
        return batch

    def _run(self, batch: list[_Waiting], own: _Waiting) -> None:
        answers = self._compute([one.row for one in batch])
        others = [one for one in batch if one is not own]
        for number, one in enumerate(batch):
            one.answer = answers[number : number + 1].copy()
        for one, following in pairwise(others):
            one.following = following
        if others:
            others[0].awake.release()


class BareTasks:
    """Runs half of the rows of ``callers`` tasks in a thread, while the event loop collects the other half."""

    def __init__(self, compute: Rows, callers: int) -> None:
        self._compute = compute
        self._half = max(1, callers // 2)
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = []
        self._runs = False

    async def __call__(self, row: np.ndarray) -> np.ndarray:
        """Return the answer to ``row``."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[np.ndarray] = loop.create_future()
        self._waiting.append((row, future))
        if not self._runs:
            self._begin(loop)
        return await future

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting[: self._half], self._waiting[self._half :]
        self._runs = bool(batch)
        if batch:
            done = loop.run_in_executor(self._thread, self._compute, [row for row, _ in batch])
            done.add_done_callback(lambda done: self._end(loop, batch, done.result()))

    def _end(self, loop: asyncio.AbstractEventLoop, batch: Sequence[Any], answers: np.ndarray) -> None:
        self._begin(loop)
        for number, (_, future) in enumerate(batch):
            if not future.done():
                future.set_result(answers[number : number + 1].copy())
