"""Counting calls: exactly, and for a fraction of a microsecond each.

``Histogram.observe`` and ``Counter.inc`` take a lock each and some 3 us together, too much beside a model of 50 us. So finished
calls are appended to a deque, which is atomic, and folded into the Prometheus cells 1,024 at a time and at every scrape.
In the multi-process mode another process may scrape, so there every call is folded at once.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from turnout.forking import Forks
from turnout.metrics.histogram import BatchHistogram

PENDING_LIMIT = 1024


def multiprocess() -> bool:
    """Tell whether prometheus_client runs in its multi-process mode."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


class Durations:
    """Seconds of finished calls, on their way into histogram cells and, if given, one counter.

    Thread-safe: ``add`` appends to a deque; folding holds ``_lock``. A forked child forgets what its parent had not folded.

    Attributes:
        pending: seconds not folded yet. A hot path may append here itself if it calls ``fold`` at ``limit``.
        limit: how many may be pending.
    """

    def __init__(self, *histograms: BatchHistogram, counter: Counter | None = None) -> None:
        self._histograms = histograms
        self._counter = counter
        self.pending: deque[float] = deque()
        self.limit = 1 if multiprocess() else PENDING_LIMIT
        self._lock = threading.Lock()
        Forks.renew(self)

    def add(self, seconds: float) -> None:
        """Take one finished call."""
        self.pending.append(seconds)
        if len(self.pending) >= self.limit:
            self.fold()

    def fold(self) -> None:
        """Move everything taken so far into the Prometheus cells."""
        with self._lock:
            values = [self.pending.popleft() for _ in range(len(self.pending))]
            for histogram in self._histograms:
                histogram.observe_many(values)
            if self._counter is not None and values:
                self._counter.inc(len(values))

    def renew(self) -> None:
        """Drop what is pending: it belongs to the process that was forked."""
        self._lock = threading.Lock()
        self.pending.clear()


class InFlight:
    """How many calls are under way: a deque's length, set into the gauge when somebody looks.

    Thread-safe. A forked child has none of its parent's calls.

    Attributes:
        enter: takes a call that begins; called with None.
        leave: takes the end of a call that began.
    """

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._calls: deque[None] = deque()
        self._shown_at_once = multiprocess()
        self.enter: Callable[[None], object] = self._show_enter if self._shown_at_once else self._calls.append
        self.leave: Callable[[], object] = self._show_leave if self._shown_at_once else self._calls.pop
        Forks.renew(self)

    def fold(self) -> None:
        """Set the gauge."""
        if not self._shown_at_once:
            self._gauge.set(len(self._calls))

    def _show_enter(self, _: None) -> None:
        self._gauge.inc()

    def _show_leave(self) -> None:
        self._gauge.dec()

    def renew(self) -> None:
        """Drop the calls of the process that was forked; its threads do not exist here."""
        self._calls.clear()
