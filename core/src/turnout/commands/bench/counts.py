"""Counts of an arm: what its metrics, its server and its responses say of the requests of a load."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from turnout.commands.bench.arms import OpenArm
from turnout.errors import TurnoutError
from turnout.plugins.discovery import Plugins
from turnout.plugins.statistics import ServerStatistics

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """The sums of one model on one backend; the difference of two is a load's.

    Attributes:
        executions: the calls of the backend in this process; a batch is one.
        execution_seconds: their time.
        rows: the rows of the batches that this process formed; 0 if it forms none.
        batch_sizes: how many of these batches had at most so many rows, by the edges of the histogram.
        server: the statistics of the backend's server; None if it has none.
    """

    executions: float = 0.0
    execution_seconds: float = 0.0
    rows: float = 0.0
    batch_sizes: Mapping[float, float] = field(default_factory=dict)
    server: ServerStatistics | None = None

    def since(self, earlier: ArmCounts) -> ArmCounts:
        """Return what happened since ``earlier``."""
        before = earlier.batch_sizes
        return ArmCounts(
            self.executions - earlier.executions,
            self.execution_seconds - earlier.execution_seconds,
            self.rows - earlier.rows,
            {edge: count - before.get(edge, 0.0) for edge, count in self.batch_sizes.items()},
            self.server - earlier.server if self.server is not None and earlier.server is not None else None,
        )

    def executed_batches(self) -> dict[int, int]:
        """Return how many batches ran by their size: exact of a server, by the next edge of the histogram in this process."""
        if self.server is not None:
            return {rows: count for rows, (count, _) in sorted(self.server.batches.items())}
        edges = [(edge, count) for edge, count in sorted(self.batch_sizes.items()) if edge != float("inf")]
        counts = {int(edge): count - below for (edge, count), below in zip(edges, [0, *(c for _, c in edges)], strict=False)}
        return {size: round(count) for size, count in counts.items() if count > 0}

    def rows_per_execution(self) -> float | None:
        """Return the mean size of a batch; None if none is known."""
        if self.server is not None:
            ran = sum(count for count, _ in self.server.batches.values())
            return sum(rows * count for rows, (count, _) in self.server.batches.items()) / ran if ran else None
        return self.rows / self.executions if self.rows and self.executions else None


def read_counts(plugins: Plugins, arm: OpenArm) -> ArmCounts:
    """Return the sums of ``arm`` until now; asks its server, if it has one that counts."""
    samples = [*_own_samples(arm)]
    single = {name: value for name, labels, value in samples if "le" not in labels}
    return ArmCounts(
        single.get("turnout_execution_duration_seconds_count", 0.0),
        single.get("turnout_execution_duration_seconds_sum", 0.0),
        single.get("turnout_inference_rows_total", 0.0),
        {float(labels["le"]): value for name, labels, value in samples if name == "turnout_batch_size_bucket"},
        _read_server(plugins, arm),
    )


def _read_server(plugins: Plugins, arm: OpenArm) -> ServerStatistics | None:
    try:
        return plugins.backend(arm.backend).statistics(arm.model.declaration, arm.model.options[arm.backend])
    except TurnoutError as error:
        # A server that does not count is measured from outside.
        logger.info("model %r: no statistics of %r: %s", arm.model.name, arm.backend, error)
        return None


def _own_samples(arm: OpenArm) -> Iterable[tuple[str, Mapping[str, str], float]]:
    for family in arm.metrics.registry.collect():
        for sample in family.samples:
            if (sample.labels.get("model"), sample.labels.get("backend")) == (arm.model.name, arm.backend):
                yield sample.name, sample.labels, sample.value
