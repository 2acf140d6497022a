"""A load on one model: callers that each ask again when they are answered."""

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
class Answered:
    """What became of the requests of one caller, or of all.

    Attributes:
        latencies: the seconds that each good answer took.
        errors: how many requests failed, by the name of their error.
        said: what the first failure of each name said.
    """

    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)

    def add(self, other: Answered) -> None:
        """Add what became of others."""
        self.latencies.extend(other.latencies)
        self.errors.update(other.errors)
        self.said.update(other.said | self.said)


class ClosedLoop:
    """``callers`` threads that ask ``model`` with ``records`` in turn, each its next as soon as it has an answer.

    So the load is what the model can take, and no more: a latency at overload is not seen this way. A caller whose request
    failed waits 10 ms. For one thread; ``run`` starts the callers' and waits for them.
    """

    def __init__(self, model: ModelInference, records: Sequence[RecordedRequest], callers: int, timeout_seconds: float) -> None:
        self._model = model
        self._records = records
        self._callers = callers
        self._timeout_seconds = timeout_seconds
        self._numbers = itertools.count()

    def run(self, seconds: float) -> tuple[float, Answered]:
        """Ask for ``seconds``; return how long it was until the last answer, and what became of the requests. Blocks."""
        answers: SimpleQueue[Answered] = SimpleQueue()
        stop = threading.Event()
        begin = threading.Barrier(self._callers + 1)
        threads = [
            threading.Thread(
                target=self._ask, args=(begin, seconds, stop, answers), name=f"turnout-bench-{number}", daemon=True
            )
            for number in range(self._callers)
        ]
        for thread in threads:
            thread.start()
        begin.wait()
        start = time.perf_counter()
        together, waiting = Answered(), len(threads)
        try:
            # Not by joining: a join that is interrupted takes its thread for ended (Python 3.11).
            while waiting:
                together.add(answers.get())
                waiting -= 1
        except BaseException:  # the user has had enough; a thread in an engine must not outlive the interpreter
            stop.set()
            _wait_for(answers, waiting)
            raise
        return time.perf_counter() - start, together

    def _ask(self, begin: threading.Barrier, seconds: float, stop: threading.Event, answers: SimpleQueue[Answered]) -> None:
        answered = Answered()
        begin.wait()
        end = time.perf_counter() + seconds
        try:
            while not stop.is_set() and time.perf_counter() < end:
                self._ask_once(self._records[next(self._numbers) % len(self._records)], answered, stop)
        finally:
            answers.put(answered)

    def _ask_once(self, record: RecordedRequest, answered: Answered, stop: threading.Event) -> None:
        request = record.request(time.monotonic() + self._timeout_seconds)
        start = time.perf_counter()
        try:
            self._model.infer(request)
        except TurnoutError as error:
            name = type(error).__name__
            answered.errors[name] += 1
            answered.said.setdefault(name, f"{record.name!r}: {error}" if record.name else str(error))
            stop.wait(_PAUSE_SECONDS)
        else:
            answered.latencies.append(time.perf_counter() - start)


def _wait_for(answers: SimpleQueue[Answered], callers: int) -> None:
    end = time.monotonic() + _LEAVE_SECONDS
    with contextlib.suppress(Empty):
        for _ in range(callers):
            answers.get(timeout=max(0.0, end - time.monotonic()))
