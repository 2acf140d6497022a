"""A Prometheus histogram that records many observations at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from prometheus_client import Histogram
from prometheus_client.samples import Exemplar

from turnout.metrics.cells import TolerantLabels


class BatchHistogram(TolerantLabels, Histogram):
    """A histogram whose ``observe_many`` costs about 0.05 us a value; ``observe`` costs 1.2 us (prometheus_client 0.26).

    It writes to the same cells as ``observe``, so both may be mixed and the multi-process mode works.
    """

    def observe_many(self, values: Sequence[float]) -> None:
        """Record every value, as ``observe`` does."""
        if len(values) == 1:
            # The multi-process mode records each call at once, for which numpy takes 60 us.
            self._sum.inc(values[0])
            self._buckets[bisect_left(self._upper_bounds, values[0])].inc(1)
            return
        if not values:
            return
        array = np.asarray(values, dtype=np.float64)
        cells = np.searchsorted(self._upper_bounds, array, side="left")
        self._sum.inc(float(array.sum()))
        for cell, count in zip(*np.unique(cells, return_counts=True), strict=True):
            self._buckets[cell].inc(int(count))

    @property
    def upper_bounds(self) -> list[float]:
        """The upper edges of the buckets, infinity included."""
        return self._upper_bounds

    def set_exemplar(self, cell: int, exemplar: Exemplar) -> None:
        """Keep ``exemplar`` for the bucket number ``cell``, where it falls into."""
        self._buckets[cell].set_exemplar(exemplar)
