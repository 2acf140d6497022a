"""A closed-loop load on one model: each caller sends its next request when its last one is answered."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from turnout.errors import TurnoutError
from turnout.inference import ModelInference
from turnout.recording import RecordedRequest

_PAUSE_SECONDS = 0.01
_LEAVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """The outcome of the requests of one caller, or of all callers.

    Attributes:
        latencies: the latency of each successful request, in seconds.
        errors: the number of failed requests, by the name of the error.
        said: the message of the first failure of each name.
    """

    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)

    def add(self, other: LoadOutcome) -> None:
        """Add the outcome of other requests."""
        self.latencies.extend(other.latencies)
        self.errors.update(other.errors)
        self.said.update(other.said | self.said)


class ClosedLoop:
    """``callers`` threads that send ``records`` in turn to ``model``, each its next as soon as it has an answer.

    The load follows the model's capacity, so a latency under overload does not show. A caller whose request failed waits 10 ms:
    a refusal is faster than an answer, and would fill the count. For one thread; ``run`` starts the callers and waits for them.
    """

    def __init__(self, model: ModelInference, records: Sequence[RecordedRequest], callers: int, timeout_seconds: float) -> None:
        self._model = model
        self._records = records
        self._callers = callers
        self._timeout_seconds = timeout_seconds
        self._numbers = itertools.count()

    def run(self, seconds: float) -> tuple[float, LoadOutcome]:
        """Send requests for ``seconds``; return the time until the last answer, and the outcome. Blocks."""
        outcomes: SimpleQueue[LoadOutcome] = SimpleQueue()
        stop = threading.Event()
        begin = threading.Barrier(self._callers + 1)
        threads = [
            threading.Thread(
                target=self._call, args=(begin, seconds, stop, outcomes), name=f"turnout-bench-{number}", daemon=True
            )
            for number in range(self._callers)
        ]
        for thread in threads:
            thread.start()
        begin.wait()
        start = time.perf_counter()
        total, waiting = LoadOutcome(), len(threads)
        try:
            # No join: CPython 3.11 marks a thread as ended if its join is interrupted.
            while waiting:
                total.add(outcomes.get())
                waiting -= 1
        except BaseException:  # Ctrl-C: a thread that is in an engine when the interpreter ends aborts the process
            stop.set()
            _wait_for_callers(outcomes, waiting)
            raise
        return time.perf_counter() - start, total

    def _call(
        self, begin: threading.Barrier, seconds: float, stop: threading.Event, outcomes: SimpleQueue[LoadOutcome]
    ) -> None:
        outcome = LoadOutcome()
        begin.wait()
        end = time.perf_counter() + seconds
        try:
            while not stop.is_set() and time.perf_counter() < end:
                # next() of itertools.count is atomic under the GIL, so the callers share it without a lock.
                self._send(self._records[next(self._numbers) % len(self._records)], outcome, stop)
        finally:
            outcomes.put(outcome)

    def _send(self, record: RecordedRequest, outcome: LoadOutcome, stop: threading.Event) -> None:
        request = record.request(time.monotonic() + self._timeout_seconds)
        start = time.perf_counter()
        try:
            self._model.infer(request)
        except TurnoutError as error:
            name = type(error).__name__
            outcome.errors[name] += 1
            outcome.said.setdefault(name, f"{record.name!r}: {error}" if record.name else str(error))
            stop.wait(_PAUSE_SECONDS)
        else:
            outcome.latencies.append(time.perf_counter() - start)


def _wait_for_callers(outcomes: SimpleQueue[LoadOutcome], callers: int) -> None:
    end = time.monotonic() + _LEAVE_SECONDS
    with contextlib.suppress(Empty):
        for _ in range(callers):
            outcomes.get(timeout=max(0.0, end - time.monotonic()))
