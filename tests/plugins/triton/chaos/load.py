"""Callers that keep a model busy and keep what became of every request."""

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
# Another test may have the processor meanwhile; the full run has the machine to itself.
SLACK = 1 if FULL else 5
"""Whether the sizes are those that are promised; the normal run takes a tenth of them."""

MARK = np.float32(12345.678)
"""The first number of every tensor, by which a proxy finds where the data begin."""

HUNG_SECONDS = 30.0


def tell(*figures: object) -> None:
    """Show figures to whoever runs a test with ``--log-cli-level=INFO``."""
    logger.info(" ".join(str(figure) for figure in figures))


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it began, how long it took, ``ok``, ``wrong`` or the error's kind, whether that is Turnout's."""

    start: float
    seconds: float
    outcome: str
    error: BaseException | None = None


@dataclass(slots=True)
class Report:
    """What became of the requests of a load."""

    sent: int
    ended: list[Asked] = field(default_factory=list)
    hung: int = 0

    @property
    def lost(self) -> int:
        return self.sent - len(self.ended)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(asked.outcome for asked in self.ended)

    @property
    def errors(self) -> list[BaseException]:
        return [asked.error for asked in self.ended if asked.error is not None]

    @property
    def foreign(self) -> list[BaseException]:
        return [error for error in self.errors if not isinstance(error, TurnoutError)]

    def percentile(self, percent: float) -> float:
        """Return how long all but a few requests took, in seconds."""
        times = sorted(asked.seconds for asked in self.ended)
        return times[min(len(times) - 1, math.ceil(percent / 100 * len(times)) - 1)]

    def __str__(self) -> str:
        times = ", ".join(f"p{percent} {self.percentile(percent):.4f} s" for percent in (50, 99, 100))
        return f"{self.sent} requests, {dict(self.outcomes)}, {times}"

    def check_answers(self) -> None:
        """Fail unless every request ended, with its own answer or an error of Turnout's."""
        assert (self.lost, self.hung) == (0, 0), f"{self.lost} requests lost, {self.hung} threads hung"
        assert self.outcomes["wrong"] == 0, f"{self.outcomes['wrong']} wrong answers"
        assert not self.foreign, f"foreign errors: {self.foreign[:3]!r}"

    def check_all_answered(self) -> None:
        """Fail unless every request was answered."""
        self.check_answers()
        assert self.outcomes == {"ok": self.sent}, f"errors: {self.outcomes}, such as {self.errors[:1]!r}"


class Load:
    """Threads that ask ``model`` at a steady pace; each request carries numbers of its own, and its answer is compared."""

    def __init__(
        self, model: ModelInference, threads: int = 8, pace_seconds: float = 0.02, timeout_seconds: float | None = 5.0
    ) -> None:
        self._model = model
        self._pace_seconds = pace_seconds
        self._timeout_seconds = timeout_seconds
        self._stop = threading.Event()
        self._sent: deque[None] = deque()
        self.ended: deque[Asked] = deque()
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(threads)]

    @property
    def sent(self) -> int:
        return len(self._sent)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self, hung_seconds: float = HUNG_SECONDS) -> Report:
        """Let every caller end; those that have not within ``hung_seconds`` hang."""
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
            self.ended.append(self._asked(own_numbers(number, index)))

    def _asked(self, x: np.ndarray) -> Asked:
        start = time.monotonic()
        deadline = None if self._timeout_seconds is None else start + self._timeout_seconds
        error, outcome = None, "wrong"
        try:
            y = self._model.infer(InferenceRequest({"x": x}, deadline))["y"]
            outcome = "ok" if np.array_equal(x, y) else "wrong"
        except Exception as caught:  # noqa: BLE001  # whatever comes is what the test is about
            error, outcome = bare(caught), type(caught).__name__
        return Asked(start, time.monotonic() - start, outcome, error)


def bare(error: BaseException) -> BaseException:
    """Return ``error`` without its frames: 20,000 of them kept made each full garbage collection take half a second."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def own_numbers(number: int, index: int) -> np.ndarray:
    """Return a tensor that no other request has."""
    return np.array([[MARK, number, index % 1_000_000, index // 1_000_000]], np.float32)


@contextlib.contextmanager
def loaded(load: Load) -> Iterator[Load]:
    """Keep ``load`` going for a block."""
    load.start()
    try:
        yield load
    finally:
        load._stop.set()
