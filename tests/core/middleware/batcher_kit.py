"""A batcher whose threads, clock and engine a test moves by hand."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from turnout.batching.leaders import LeaderThreads, PoolLeader
from turnout.batching.rules import BatchRules
from turnout.errors import InferenceError
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics import Metrics
from turnout.middleware.dynamic_batcher import DynamicBatcher

BAD = -1.0
"""The value of a bad row; every other negative value is bad too."""
METRICS = Metrics()
LIMIT_SECONDS = 20.0


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class HandLeader(PoolLeader):
    """A leader whose waits pass on the test's clock alone."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        self._clock.now += max(seconds, 1e-6)
        return False


class HandLeaders(LeaderThreads):
    """Keeps what ``start`` is given, until a test runs it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("by-hand", 1)
        self._clock = clock
        self.due: deque[Callable[[], None]] = deque()

    def start(self, lead: Callable[[PoolLeader], None]) -> PoolLeader:
        leader = HandLeader(self._clock)
        self.due.append(lambda: lead(leader))
        return leader


class GatedEngine(ModelInference):
    """Doubles ``x``; each execution waits until a test lets it go on. A bad row fails the whole execution.

    ``stopped`` is released by each execution that waits, and by a test for each thread that ends.
    """

    def __init__(self) -> None:
        self.executions: list[list[float]] = []
        self.stopped = threading.Semaphore(0)
        self.free_threads: set[threading.Thread] = set()
        self.gates: list[threading.Event] = []
        self.on_enter: Callable[[], None] = lambda: None
        self.is_open = False

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        rows = request.inputs["x"]
        gate = threading.Event()
        is_free = self.is_open or threading.current_thread() in self.free_threads
        self.executions.append([float(row[0]) for row in rows])
        self.on_enter()
        if not is_free:
            self.gates.append(gate)
            self.stopped.release()
            assert gate.wait(6 * LIMIT_SECONDS)
        if (rows < 0).any():
            raise InferenceError("a row is bad")
        return InferenceResponse({"y": rows * 2}, request.id)


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on a test's clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def time(self) -> float:
        return self._clock.now

    def step(self) -> None:
        """Run what is due."""
        for _ in range(4):
            self.call_soon(self.stop)
            self.run_forever()


def hand_batcher(engine: ModelInference, rules: BatchRules, clock: Clock, instances: int = 1) -> DynamicBatcher:
    """Return a batcher on ``clock``, whose leaders run when the test runs them."""
    meter = METRICS.batches("model", "backend")
    leaders = HandLeaders(clock)
    return DynamicBatcher(
        engine, ("model", "backend"), rules, meter, refused=lambda: None, instances=instances, clock=clock, leaders=leaders
    )


def rows_of(*values: float) -> dict[str, Any]:
    """Return one row of ``x`` for each value."""
    return {"x": np.array([[value, 0.0] for value in values], np.float32)}
