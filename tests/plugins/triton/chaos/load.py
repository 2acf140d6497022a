"""Callers that keep a model busy, and a record of every request."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from turnout import InferenceRequest, ModelInference
from turnout.errors import TurnoutError

logger = logging.getLogger(__name__)

FULL = os.environ.get("TURNOUT_CHAOS") == "full"
"""True for the documented sizes; the normal run has a tenth of them."""

# Other tests may use the processor meanwhile; the full run has the machine to itself.
SLACK = 1 if FULL else 5

MARK = np.float32(12345.678)
"""The first number of every tensor, by which a proxy finds where the data begin."""

HUNG_SECONDS = 30.0


def log_run(*figures: object) -> None:
    """Log figures, for a run with ``--log-cli-level=INFO``."""
    logger.info(" ".join(str(figure) for figure in figures))


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request: its start, its duration, and ``ok``, ``wrong`` or the error's class as its outcome."""

    start: float
    seconds: float
    outcome: str
    error: BaseException | None = None


@dataclass(slots=True)
class Report:
    """The records of a load's requests."""

    sent: int
    ended: list[RequestRecord] = field(default_factory=list)
    hung: int = 0

    @property
    def lost(self) -> int:
        return self.sent - len(self.ended)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(record.outcome for record in self.ended)

    @property
    def errors(self) -> list[BaseException]:
        return [record.error for record in self.ended if record.error is not None]

    @property
    def foreign(self) -> list[BaseException]:
        return [error for error in self.errors if not isinstance(error, TurnoutError)]

    def percentile(self, percent: float) -> float:
        """Return a percentile of the durations, in seconds."""
        times = sorted(record.seconds for record in self.ended)
        return times[min(len(times) - 1, math.ceil(percent / 100 * len(times)) - 1)]

    def __str__(self) -> str:
        times = ", ".join(f"p{percent} {self.percentile(percent):.4f} s" for percent in (50, 99, 100))
        return f"{self.sent} requests, {dict(self.outcomes)}, {times}"

    def check_answers(self) -> None:
        """Fail unless every request ended, with its own output or an error of Turnout's."""
        assert (self.lost, self.hung) == (0, 0), f"{self.lost} requests lost, {self.hung} threads hung"
        assert self.outcomes["wrong"] == 0, f"{self.outcomes['wrong']} wrong answers"
        assert not self.foreign, f"foreign errors: {self.foreign[:3]!r}"

    def check_all_answered(self) -> None:
        """Fail unless every request succeeded."""
        self.check_answers()
        assert self.outcomes == {"ok": self.sent}, f"errors: {self.outcomes}, such as {self.errors[:1]!r}"


class Load:
    """Threads that send requests to ``model`` at a steady pace; each has its own input, and its output is compared."""

    def __init__(
        self, model: ModelInference, threads: int = 8, pace_seconds: float = 0.02, timeout_seconds: float | None = 5.0
    ) -> None:
        self._model = model
        self._pace_seconds = pace_seconds
        self._timeout_seconds = timeout_seconds
        self._stop = threading.Event()
        self._sent: deque[None] = deque()
        self.ended: deque[RequestRecord] = deque()
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(threads)]

    @property
    def sent(self) -> int:
        return len(self._sent)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self, hung_seconds: float = HUNG_SECONDS) -> Report:
        """Stop every caller; one that has not ended within ``hung_seconds`` hangs."""
        self._stop.set()
        until = time.monotonic() + hung_seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        hung = sum(thread.is_alive() for thread in self._threads)
        return Report(self.sent, list(self.ended), hung)

    def _work(self, number: int) -> None:
        due = time.monotonic() + number * self._pace_seconds / len(self._threads)
        for index in itertools.count():
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            due = max(due + self._pace_seconds, time.monotonic() - self._pace_seconds)
            self._sent.append(None)
            self.ended.append(self._send(unique_input(number, index)))

    def _send(self, x: np.ndarray) -> RequestRecord:
        start = time.monotonic()
        deadline = None if self._timeout_seconds is None else start + self._timeout_seconds
        error, outcome = None, "wrong"
        try:
            y = self._model.infer(InferenceRequest({"x": x}, deadline))["y"]
            outcome = "ok" if np.array_equal(x, y) else "wrong"
        except Exception as caught:  # noqa: BLE001  # any error is a result
            error, outcome = without_frames(caught), type(caught).__name__
        return RequestRecord(start, time.monotonic() - start, outcome, error)


def without_frames(error: BaseException) -> BaseException:
    """Return ``error`` without its frames: 20,000 of them kept made each full garbage collection take half a second."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def unique_input(number: int, index: int) -> np.ndarray:
    """Return a tensor that no other request has."""
    return np.array([[MARK, number, index % 1_000_000, index // 1_000_000]], np.float32)


@contextlib.contextmanager
def keep_busy(load: Load) -> Iterator[Load]:
    """Keep ``load`` going for a block."""
    load.start()
    try:
        yield load
    finally:
        load._stop.set()
