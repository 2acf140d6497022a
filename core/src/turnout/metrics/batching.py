"""Metrics of the batches that are formed in this process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from turnout.forking import Forks
from turnout.metrics.calls import PENDING_LIMIT, InFlight
from turnout.metrics.catalogue import models
from turnout.metrics.histogram import BatchHistogram
from turnout.metrics.process_files import guard, is_multiprocess

BATCH_SIZE_BUCKETS: tuple[float, ...] = tuple(float(2**power) for power in range(11))
"""1, 2, 4, ... 1024 rows."""


class BatchMeter:
    """The bound cells of one arm's batches.

    Thread-safe: executions are appended to a deque and folded at a scrape, as in ``Durations``. A forked child drops those of
    its parent.

    Attributes:
        waiting: the requests in the queue.
        late: counts a request whose batch still ran when its caller left.
    """

    def __init__(
        self,
        families: BatchFamilies,
        model: str,
        backend: str,
        execution_seconds: BatchHistogram,
        late: Callable[[], object],
    ) -> None:
        arm = (model, backend)
        self.late = late
        self.waiting = InFlight(families.depth.labels(*arm))
        self._queue_seconds = families.queue_seconds.labels(*arm)
        self._sizes = families.sizes.labels(*arm)
        self._rows = families.rows.labels(*arm)
        self._executions = families.executions.labels(*arm)
        self._execution_seconds = execution_seconds
        self._pending: deque[tuple[float, int, Sequence[float]]] = deque()
        self._limit = 1 if is_multiprocess() else PENDING_LIMIT
        self._lock = threading.Lock()
        self._fold = guard(self._fold_pending)
        Forks.renew(self)

    def executed(self, seconds: float, rows: int, queue_seconds: Sequence[float]) -> None:
        """Record one execution of ``rows`` rows, whose requests had waited for ``queue_seconds`` each."""
        self._pending.append((seconds, rows, queue_seconds))
        if len(self._pending) >= self._limit:
            self._fold()

    def fold(self) -> None:
        """Write what is pending to the Prometheus cells."""
        self.waiting.fold()
        self._fold()

    def renew(self) -> None:
        """Drop what is pending: it belongs to the parent process, which counts it."""
        self._lock = threading.Lock()
        self._pending.clear()

    def _fold_pending(self) -> None:
        with self._lock:
            done = [self._pending.popleft() for _ in range(len(self._pending))]
            if not done:
                return
            sizes = [float(rows) for _, rows, _ in done]
            self._execution_seconds.observe_many([seconds for seconds, _, _ in done])
            self._queue_seconds.observe_many([seconds for _, _, waits in done for seconds in waits])
            self._sizes.observe_many(sizes)
            self._rows.inc(sum(sizes))
            self._executions.inc(len(done))


class BatchFamilies:
    """One object for each family, all in ``registry``."""

    def __init__(self, registry: CollectorRegistry, buckets: tuple[float, ...]) -> None:
        self.queue_seconds = models.QUEUE_SECONDS.create(registry, buckets)
        self.depth = models.QUEUE_DEPTH.create(registry)
        self.sizes = models.BATCH_SIZE.create(registry, BATCH_SIZE_BUCKETS)
        self.rows = models.ROWS.create(registry)
        self.executions = models.EXECUTIONS.create(registry)
