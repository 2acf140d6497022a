"""Threads that run batches for event loops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from turnout.batching.callers import Sleeper, held_lock
from turnout.forking import Forks

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 10.0


class PoolLeader(Sleeper):
    """A leader without a request of its own."""

    __slots__ = ("_asleep",)

    def __init__(self) -> None:
        self._asleep = held_lock()


class LeaderThreads:
    """At most ``count`` threads, which start on demand. Thread-safe: ``_pool`` and ``_running`` are under ``_lock``.

    They are not those of the app's executor: there, callers that wait for a batch could occupy every thread that could run it.
    A forked child starts its own.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Forget the parent's threads, which do not exist here."""
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._running: set[Future[None]] = set()

    def start(self, lead: Callable[[PoolLeader], None]) -> PoolLeader:
        """Call ``lead`` with a new leader, which is returned, in one of the threads."""
        leader = PoolLeader()
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix=self._name)
            future = self._pool.submit(lead, leader)
            self._running.add(future)
        future.add_done_callback(self._end)
        return leader

    def close(self) -> None:
        """Wait for what runs, 10 s at most, and end the threads; ``start`` may be called again."""
        with self._lock:
            pool, self._pool = self._pool, None
            running = set(self._running)
        if pool is None:
            return
        if wait(running, timeout=_CLOSE_SECONDS).not_done:
            logger.warning("thread %s still runs a batch; it ends with that batch", self._name)
        pool.shutdown(wait=False)

    def _end(self, future: Future[None]) -> None:
        with self._lock:
            self._running.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("a batch was not run: %r", error)
