"""A closed-loop load: each caller sends its next request when its last one is answered."""

from __future__ import annotations

import itertools
import threading
import time

from turnout.commands.bench.load.callers import Callers
from turnout.commands.bench.load.outcome import LoadOutcome, Target
from turnout.errors import TurnoutError

_PAUSE_SECONDS = 0.01


class ClosedLoop:
    """``callers`` threads that send to ``target``, each its next request as soon as it has an answer.

    The load follows the target's capacity, so a latency under overload does not show. A caller whose request failed waits
    10 ms: a refusal is faster than an answer, and would fill the count. For one thread; ``run`` starts the callers and waits.
    """

    def __init__(self, target: Target, callers: int, timeout_seconds: float) -> None:
        self._target = target
        self._callers = callers
        self._timeout_seconds = timeout_seconds
        self._numbers = itertools.count()

    def run(self, seconds: float, requests: int | None = None) -> tuple[float, LoadOutcome]:
        """Send requests for ``seconds``, ``requests`` at most; return the time to the last answer, and the outcome. Blocks."""
        callers, left = Callers(), itertools.count()
        begin = threading.Event()

        def call(outcome: LoadOutcome) -> None:
            begin.wait()
            end = time.perf_counter() + seconds
            # next() of itertools.count is atomic under the GIL, so the callers share both without a lock.
            while not callers.stop.is_set() and time.perf_counter() < end and (requests is None or next(left) < requests):
                self._send(next(self._numbers), outcome, callers.stop)

        try:
            for _ in range(self._callers):
                callers.start(call)
            start = time.perf_counter()
            begin.set()
            total = callers.wait()
        except BaseException:  # Ctrl-C
            callers.stop.set()
            begin.set()
            callers.leave()
            raise
        return time.perf_counter() - start, total

    def _send(self, number: int, outcome: LoadOutcome, stop: threading.Event) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        start = time.perf_counter()
        try:
            parts = self._target.send(number, deadline)
        except TurnoutError as error:
            outcome.failed(error, self._target.name(number))
            stop.wait(_PAUSE_SECONDS)
        else:
            outcome.answered(time.perf_counter() - start, parts)
