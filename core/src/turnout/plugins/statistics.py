"""Statistics of a server, as the plugin of its backend reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """The sums of a server for one model; the difference of two is what happened in between.

    Attributes:
        requests: answered requests.
        queue_seconds: the time that they waited in the server's queue.
        compute_seconds: the time that they were in execution, inputs and outputs included; a batch counts for each of its
            requests.
        batches: by the rows of a batch, how many ran and the seconds of their inference alone.
    """

    requests: int = 0
    queue_seconds: float = 0.0
    compute_seconds: float = 0.0
    batches: Mapping[int, tuple[int, float]] = field(default_factory=dict)

    def __add__(self, other: ServerStatistics) -> ServerStatistics:
        """Return the sums of both, such as those of two servers of one model."""
        return self._combine(other, 1)

    def __sub__(self, earlier: ServerStatistics) -> ServerStatistics:
        """Return what happened since ``earlier``."""
        return self._combine(earlier, -1)

    def _combine(self, other: ServerStatistics, sign: int) -> ServerStatistics:
        batches = dict(self.batches)
        for rows, (count, seconds) in other.batches.items():
            own_count, own_seconds = batches.get(rows, (0, 0.0))
            batches[rows] = own_count + sign * count, own_seconds + sign * seconds
        return ServerStatistics(
            self.requests + sign * other.requests,
            self.queue_seconds + sign * other.queue_seconds,
            self.compute_seconds + sign * other.compute_seconds,
            {rows: ran for rows, ran in batches.items() if ran[0]},
        )
