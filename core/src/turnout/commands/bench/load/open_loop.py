"""An open-loop load: requests arrive at random times, whether or not earlier ones are answered."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue

import numpy as np

from turnout.commands.bench.load.callers import Callers
from turnout.commands.bench.load.outcome import LoadOutcome, Target
from turnout.errors import DeadlineExceededError, TurnoutError

MAX_THREADS = 512
_SEED = 0


class OpenLoop:
    """Requests at the arrivals of a Poisson process, ``rate`` a second, as from many users who do not wait for each other.

    Arrivals are planned on an absolute schedule, and a latency counts from the planned arrival, not from when a thread was
    free: a target beyond its capacity shows the queue that its users would see. A request waits in the generator while
    ``MAX_THREADS`` are in flight. For one thread; ``run`` starts the callers and waits. Equal rates have equal schedules.
    """

    def __init__(self, target: Target, rate: float, timeout_seconds: float) -> None:
        self._target = target
        self._rate = rate
        self._timeout_seconds = timeout_seconds
        self._numbers = itertools.count()
        self._random = np.random.default_rng(_SEED)

    def run(self, seconds: float, requests: int | None = None) -> tuple[float, LoadOutcome]:
        """Send the requests that arrive in ``seconds``, ``requests`` at most, and wait for the answers. Blocks.

        Returns:
            The time until the last answer, ``seconds`` at least unless ``requests`` ended it; and the outcome.
        """
        callers, waiting = Callers(), _Waiting()
        lateness = LoadOutcome()
        start = time.perf_counter()
        try:
            for arrival in itertools.islice(self._arrivals(seconds), requests):
                _sleep_until(start + arrival)
                lateness.lateness.append(time.perf_counter() - start - arrival)
                if waiting.put(start + arrival) > callers.count and callers.count < MAX_THREADS:
                    callers.start(lambda outcome: self._answer_all(waiting, outcome, callers.stop))
            if requests is None:
                _sleep_until(start + seconds)
            waiting.end(callers.count)
            total = callers.wait()
        except BaseException:  # Ctrl-C
            callers.stop.set()
            waiting.end(callers.count)
            callers.leave()
            raise
        total.add(lateness)
        return time.perf_counter() - start, total

    def _arrivals(self, seconds: float) -> Iterator[float]:
        """Yield the planned seconds of each arrival: the gaps of a Poisson process are exponential."""
        arrival = 0.0
        while (arrival := arrival + self._random.exponential(1 / self._rate)) < seconds:
            yield arrival

    def _answer_all(self, waiting: _Waiting, outcome: LoadOutcome, stop: threading.Event) -> None:
        while (arrival := waiting.get()) is not None and not stop.is_set():
            self._send(arrival, outcome)
            waiting.answered()

    def _send(self, arrival: float, outcome: LoadOutcome) -> None:
        number = next(self._numbers)
        left = arrival + self._timeout_seconds - time.perf_counter()
        try:
            if left <= 0:
                raise DeadlineExceededError(
                    f"it waited for {self._timeout_seconds:g} s, and was not sent: more requests arrive than are answered"
                )
            parts = self._target.send(number, time.monotonic() + left)
        except TurnoutError as error:
            outcome.failed(error, self._target.name(number))
        else:
            outcome.answered(time.perf_counter() - arrival, parts)


class _Waiting:
    """Requests that have arrived, and how many of them are not answered. Thread-safe: the count is under ``_lock``."""

    def __init__(self) -> None:
        self._arrivals: SimpleQueue[float | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0

    def put(self, arrival: float) -> int:
        """Add a request; return how many are not answered."""
        with self._lock:
            self._open += 1
            count = self._open
        self._arrivals.put(arrival)
        return count

    def get(self) -> float | None:
        """Return the arrival of the next request; None after the last one. Blocks."""
        return self._arrivals.get()

    def answered(self) -> None:
        """Count a request as answered or failed."""
        with self._lock:
            self._open -= 1

    def end(self, threads: int) -> None:
        """Let each of ``threads`` end after the last request."""
        for _ in range(threads):
            self._arrivals.put(None)


def _sleep_until(moment: float) -> None:
    if (seconds := moment - time.perf_counter()) > 0:
        time.sleep(seconds)
