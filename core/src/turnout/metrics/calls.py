"""Counters of calls: exact, for a fraction of a microsecond a call.

``Histogram.observe`` and ``Counter.inc`` take a lock each and about 3 us together, too much for a model of 50 us. So finished
calls are appended to a deque, which is atomic, and folded into the Prometheus cells 1,024 at a time and at every scrape.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from turnout.forking import Forks
from turnout.metrics.histogram import BatchHistogram
from turnout.metrics.process_files import guard, is_multiprocess

PENDING_LIMIT = 1024


class Durations:
    """Seconds of finished calls, on their way into histogram cells and, if given, one counter.

    Thread-safe: ``add`` appends to a deque; folding holds ``_lock``. A forked child drops the pending calls of its parent.

    Attributes:
        pending: seconds that are not folded yet. A hot path may append here itself if it calls ``fold`` at ``limit``.
        limit: the number of pending calls at which they are folded.
        fold: moves all pending calls into the Prometheus cells.
    """

    def __init__(self, *histograms: BatchHistogram, counter: Counter | None = None) -> None:
        self._histograms = histograms
        self._counter = counter
        self.pending: deque[float] = deque()
        # In the multi-process mode another process may serve the scrape, and it cannot see this deque.
        self.limit = 1 if is_multiprocess() else PENDING_LIMIT
        self._lock = threading.Lock()
        self.fold = guard(self._fold)
        Forks.renew(self)

    def add(self, seconds: float) -> None:
        """Record one finished call."""
        self.pending.append(seconds)
        if len(self.pending) >= self.limit:
            self.fold()

    def _fold(self) -> None:
        """Move all pending calls into the Prometheus cells."""
        with self._lock:
            # Callers may append meanwhile; they must not be able to keep this loop busy.
            values = [self.pending.popleft() for _ in range(len(self.pending))]
            for histogram in self._histograms:
                histogram.observe_many(values)
            if self._counter is not None and values:
                self._counter.inc(len(values))

    def renew(self) -> None:
        """Drop the pending calls: they belong to the parent process, which counts them."""
        self._lock = threading.Lock()
        self.pending.clear()


class InFlight:
    """The number of calls in flight: the length of a deque, written to the gauge at a scrape.

    Thread-safe. A forked child has none of its parent's calls.

    Attributes:
        enter: records the start of a call; called with None.
        leave: records the end of a call.
    """

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._calls: deque[None] = deque()
        self._live = is_multiprocess()
        self.enter: Callable[[None], object] = guard(self._increment) if self._live else self._calls.append
        self.leave: Callable[[], object] = guard(self._decrement) if self._live else self._calls.pop
        Forks.renew(self)

    def fold(self) -> None:
        """Set the gauge."""
        if not self._live:
            self._gauge.set(len(self._calls))

    def _increment(self, _: None) -> None:
        self._gauge.inc()

    def _decrement(self) -> None:
        self._gauge.dec()

    def renew(self) -> None:
        """Drop the calls of the parent process; its threads do not exist here."""
        self._calls.clear()


class Amounts:
    """Amounts on their way into a counter, such as the bytes of requests.

    Thread-safe: ``add`` appends to a deque; folding holds ``_lock``. A forked child drops the pending amounts of its parent.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._pending: deque[int] = deque()
        self._limit = 1 if is_multiprocess() else PENDING_LIMIT
        self._lock = threading.Lock()
        self.fold = guard(self._fold)
        Forks.renew(self)

    def add(self, amount: int) -> None:
        """Count ``amount``."""
        self._pending.append(amount)
        if len(self._pending) >= self._limit:
            self.fold()

    def _fold(self) -> None:
        """Add all pending amounts to the counter."""
        with self._lock:
            total = sum(self._pending.popleft() for _ in range(len(self._pending)))
            if total:
                self._counter.inc(total)

    def renew(self) -> None:
        """Drop the pending amounts of the parent process, which counts them."""
        self._lock = threading.Lock()
        self._pending.clear()
