"""Requests that end at their deadline while the server goes on with them: nothing of them may stay in the app."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.hostile.case import Trial
from tests.hostile.soak.figures import Figures
from tests.hostile.soak.stage import late_server

import turnout
from turnout import Model
from turnout.errors import DeadlineExceededError, TurnoutError
from turnout_triton.server import LocalServer

TRANSPORTS = ("grpc_auto", "grpc_off", "http_auto", "http_off")
LATE_SECONDS, DEADLINE_SECONDS = 0.03, 0.01
LATE_SHARE = 0.9
DRAIN_SECONDS = 120
X = np.arange(100_000, dtype=np.float32)
# gRPC opens a new connection after three timeouts in a row, and keeps the old one until its calls have ended.
ALLOWED = {"descriptors": 6, "regions": 0, "threads": 2, "megabytes": 16}
Ask = Callable[[Model, float, float], Any]


def ask(model: Model, seconds: float, timeout_seconds: float) -> Any:
    """Return the output for X after ``seconds`` on the server."""
    return model.infer({"x": X, "seconds": np.array([seconds], np.float32)}, timeout_seconds=timeout_seconds)["y"]


def ask_in_loop(model: Model, seconds: float, timeout_seconds: float) -> Any:
    """Return the same from an event loop, whose own limit is shorter than the request's in every second call."""
    inputs = {"x": X, "seconds": np.array([seconds], np.float32)}

    async def wait() -> Any:
        limit = timeout_seconds / 2 if ask_in_loop.calls % 2 else 60
        return (await asyncio.wait_for(model.ainfer(inputs, timeout_seconds=timeout_seconds), limit))["y"]

    ask_in_loop.calls += seconds > 0
    return asyncio.run(wait())


ask_in_loop.calls = 0


@contextmanager
def opened(server: LocalServer, transport: str, **settings: Any) -> Iterator[Model]:
    """Yield the model ``late`` of ``server`` over ``transport``, without a circuit, which would refuse most requests."""
    protocol, memory = transport.split("_")
    url = f"{protocol}://{server.grpc_url if protocol == 'grpc' else server.http_url}"
    options = {"url": url, "shared_memory": memory}
    breaker = {"consecutive_failures": 1_000_000, "failure_ratio": 1.0, "minimum_calls": 1_000_000}
    model = {"backend": "triton", "backends": {"triton": options}, "circuit_breaker": breaker, **settings}
    with turnout.open({"models": {"late": model}}) as app:
        yield app.model("late")


def drained(model: Model, start: float) -> Figures:
    """Return the figures one second after the last late request has ended on the server, with right answers meanwhile."""
    right, ends = 0, time.monotonic() + DRAIN_SECONDS
    while right < 3:  # the first shows the size of the output, which has a region of its own from the second one on
        try:
            answer = ask(model, 0, 60)
        except TurnoutError:
            if time.monotonic() > ends:
                raise
            continue
        right += 1
        if not np.array_equal(answer, X):
            raise AssertionError("a wrong answer after the timeouts")
    time.sleep(1)
    gc.collect()  # each loop of asyncio.run is a cycle, and what an error of it refers to
    return Figures.sample(start)


def grown(before: Figures, middle: Figures, after: Figures) -> list[str]:
    """Return a sentence for each figure that has grown by more than ``ALLOWED``, and went on to grow in the second half.

    Memory may grow once: the catalogue of all cases has half a gigabyte in pieces, between which an allocator finds its places.
    """
    found = []
    for name, allowed in ALLOWED.items():
        first, between, last = (getattr(figures, name) for figures in (before, middle, after))
        if last > first + allowed and (name != "megabytes" or last > between + allowed / 3):
            found.append(f"{name} from {first:g} over {between:g} to {last:g}")
    return found


def registered_regions(server: LocalServer) -> int:
    """Return how many regions of this process the server has registered."""
    url = f"http://{server.http_url}/v2/systemsharedmemory/status"
    with urllib.request.urlopen(url, timeout=60) as response:
        return sum(region["name"].startswith(f"turnout-{os.getpid()}-") for region in json.load(response))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """``count`` requests that end at their deadlines over each of ``transports``."""

    name: str
    count: int
    transports: tuple[str, ...]
    ask: Ask = ask

    def problems(self, folder: Path) -> list[str]:
        with late_server(folder) as server:
            return [f"{transport}: {found}" for transport in self.transports for found in self._over(server, transport)]

    def _over(self, server: LocalServer, transport: str) -> list[str]:
        start = time.monotonic()
        with opened(server, transport) as model:
            drained(model, start)
            self._late(model, 10)
            before = drained(model, start)
            most = ended = 0
            samples = [before]
            for _ in range(2):
                for _ in range(5):
                    ended += self._late(model, self.count // 10)
                    most = max(most, Figures.sample(start).descriptors)
                samples.append(drained(model, start))
            found = grown(*samples)
            if (registered := registered_regions(server)) > 2:  # an input and an output
                found.append(f"{registered} regions are registered on the server")
        if most > before.descriptors + 40:
            found.append(f"{most} descriptors meanwhile, {before.descriptors} before")
        if ended < LATE_SHARE * self.count:
            found.append(f"{ended} of {self.count} requests were late, too few to lose anything")
        return found

    def _late(self, model: Model, count: int) -> int:
        ended = 0
        for _ in range(count):
            try:
                self.ask(model, LATE_SECONDS, DEADLINE_SECONDS)
            except (DeadlineExceededError, TimeoutError):
                ended += 1
        return ended


def cases() -> Iterator[Trial]:
    """Yield the trials; the first one is in the fast tenth."""
    yield Timeouts("timeouts/flat/0030-every-transport", 30, TRANSPORTS)
    for transport in TRANSPORTS:
        yield Timeouts(f"timeouts/flat/1000-{transport}", 1000, (transport,))
        yield Timeouts(f"timeouts/flat/1000-in-loop-{transport}", 1000, (transport,), ask_in_loop)
