"""Metrics of the threads of apps."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from turnout.metrics.calls import InFlight
from turnout.metrics.catalogue import operation
from turnout.metrics.labels import Pool


class ExecutorMetrics:
    """The family, in ``registry``; the apps of a process that share it add up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # livesum: each process has queues of its own, and those of a dead one are empty.
        depth = operation.EXECUTOR_QUEUE.create(registry)
        self._waiting = {pool: InFlight(depth.labels(pool)) for pool in Pool}

    def waiting(self, pool: Pool) -> InFlight:
        """Return what counts the work that waits for a thread of ``pool``."""
        return self._waiting[pool]

    def fold(self) -> None:
        """Set the gauges."""
        for waiting in self._waiting.values():
            waiting.fold()
