"""Exemplars: the trace of one recent call for each bucket of a histogram."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping

from prometheus_client import Counter
from prometheus_client.samples import Exemplar

from turnout.metrics.calls import Durations
from turnout.metrics.histogram import BatchHistogram

ExemplarLabels = Callable[[], Mapping[str, str] | None]
"""Returns ``trace_id`` and ``span_id`` of the present call; None if its trace is not kept."""


class ExemplarDurations(Durations):
    """Seconds of finished calls, of which the last traced one in each bucket is an exemplar of ``histograms[0]``.

    Not in the multi-process mode, whose files have no exemplars. Thread-safe: an exemplar replaces another at once.
    """

    def __init__(self, labels: ExemplarLabels, *histograms: BatchHistogram, counter: Counter | None = None) -> None:
        super().__init__(*histograms, counter=counter)
        self._latest: dict[int, Exemplar] = {}
        self.pending = _NotedCalls(labels, histograms[0].upper_bounds, self._latest)

    def _fold(self) -> None:
        super()._fold()
        for cell in list(self._latest):
            if (found := self._latest.pop(cell, None)) is not None:
                self._histograms[0].set_exemplar(cell, found)

    def renew(self) -> None:
        super().renew()
        self._latest.clear()


class _NotedCalls(deque[float]):
    """Pending seconds; ``append`` notes the trace of the call that they are of."""

    def __init__(self, labels: ExemplarLabels, bounds: list[float], latest: dict[int, Exemplar]) -> None:
        super().__init__()
        self._labels = labels
        self._bounds = bounds
        self._latest = latest

    def append(self, seconds: float) -> None:
        super().append(seconds)
        labels = self._labels()
        if labels is not None:
            self._latest[bisect_left(self._bounds, seconds)] = Exemplar(dict(labels), seconds, time.time())
