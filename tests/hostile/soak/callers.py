"""Callers of an app for a soak: good, late and bad requests from threads and from an event loop, each checked."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from turnout import Turnout
from turnout.errors import DeadlineExceededError, InvalidRequestError, TurnoutError

LATE_SECONDS, LATE_DEADLINE_SECONDS = 0.05, 0.02
LATE, BAD = 0.01, 0.02
# Half of the requests are large enough for shared memory.
SIZES = (16, 40_000)
DEADLINE_SECONDS = 10.0


class Tally:
    """Counts requests by outcome and keeps one example of each. Thread-safe: under ``_lock``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent = 0
        self.outcomes: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def send(self) -> None:
        """Count a request that starts."""
        with self._lock:
            self.sent += 1

    def end(self, outcome: str, example: str = "") -> None:
        """Count a request that has ended."""
        with self._lock:
            self.outcomes[outcome] += 1
            self.examples.setdefault(outcome, example)

    @property
    def lost(self) -> int:
        """The number of requests that never ended."""
        return self.sent - sum(self.outcomes.values())

    def problems(self) -> list[str]:
        """Return a sentence for requests that were lost, wrong, or ended with an error that they must not have."""
        found = [f"{self.lost} requests were lost"] if self.lost else []
        return found + [
            f"{count} requests ended as {name!r}: {self.examples[name]}"
            for name, count in self.outcomes.items()
            if name.startswith("!")
        ]


class Request:
    """One request with what it must end as; ``kind`` is good, late or bad."""

    def __init__(self, takes_seconds: bool, chance: random.Random) -> None:
        drawn = chance.random()
        self.kind = "late" if takes_seconds and drawn < LATE else "bad" if drawn > 1 - BAD else "good"
        self.x = np.full(chance.choice(SIZES), chance.random(), np.float32)
        self.x[-1] = chance.random()
        shape = self.x if takes_seconds else self.x[None]
        self.inputs: dict[Any, Any] = {"x": shape}
        if takes_seconds:
            self.inputs["seconds"] = np.array([LATE_SECONDS if self.kind == "late" else 0], np.float32)
        if self.kind == "bad":
            self.inputs = chance.choice([{"y": shape}, {"x": shape.astype(np.float64)}, {"x": self.x[None, None, None]}, {}])
        self.timeout_seconds = LATE_DEADLINE_SECONDS if self.kind == "late" else DEADLINE_SECONDS

    def outcome(self, result: Mapping[str, Any] | BaseException) -> str:
        """Return how it ended; wrong endings begin with an exclamation mark."""
        if not isinstance(result, BaseException):
            right = self.kind != "bad" and np.array_equal(np.ravel(result["y"]), self.x)
            return f"{self.kind}: answered" if right else f"!{self.kind}: wrong answer"
        name = type(result).__name__
        if not isinstance(result, TurnoutError):
            return f"!{self.kind}: {name}"
        # A server that is down or late may fail any request; a good request is never the caller's fault.
        if self.kind == "good" and isinstance(result, InvalidRequestError):
            return f"!good: {name}"
        return f"{self.kind}: {name}"


class ThreadCaller:
    """Calls one model at a steady pace until ``stop``; ``always`` says that every good request must be answered."""

    def __init__(self, app: Turnout, model: str, tally: Tally, stop: threading.Event, *, pace_seconds: float) -> None:
        self._model = app.model(model)
        self._takes_seconds = not model.startswith("local")
        self._tally = tally
        self._stop = stop
        self._pace_seconds = pace_seconds
        self._always = model.startswith("local") or "guarded" in model
        self.thread = threading.Thread(target=self._work, name=f"soak-{model}", daemon=True)

    def _work(self) -> None:
        chance = random.Random(threading.get_ident())  # a load, no secret
        while not self._stop.wait(self._pace_seconds):
            request = Request(self._takes_seconds, chance)
            self._tally.send()
            result: Any
            try:
                result = self._model.infer(request.inputs, timeout_seconds=request.timeout_seconds)
            except Exception as error:  # noqa: BLE001  # any ending is a result
                result = error
            outcome = request.outcome(result)
            if self._always and request.kind == "good" and isinstance(result, Exception):
                outcome = f"!{outcome.removeprefix('!')} of a model that must answer"
            self._tally.end(outcome, str(result)[:300] if isinstance(result, BaseException) else "")


class LoopCaller:
    """Calls models from one event loop, several requests at once; each tenth is abandoned by its caller."""

    def __init__(self, app: Turnout, models: list[str], tally: Tally, stop: threading.Event) -> None:
        self._app = app
        self._models = models
        self._tally = tally
        self._stop = stop
        self.thread = threading.Thread(target=lambda: asyncio.run(self._work()), name="soak-loop", daemon=True)

    async def _work(self) -> None:
        chance = random.Random(1)  # a load, no secret
        while not self._stop.is_set():
            started = time.monotonic()
            await asyncio.gather(*(self._one(name, chance) for name in self._models))
            await asyncio.sleep(max(0.0, 0.1 - (time.monotonic() - started)))

    async def _one(self, name: str, chance: random.Random) -> None:
        request = Request(not name.startswith("local"), chance)
        self._tally.send()
        calling = self._app.model(name).ainfer(request.inputs, timeout_seconds=request.timeout_seconds)
        result: Any
        try:
            result = await asyncio.wait_for(calling, 0.001 if chance.random() < 0.1 else DEADLINE_SECONDS + 5)
        except TimeoutError as error:
            result = DeadlineExceededError(f"abandoned by its caller: {error}")
        except Exception as error:  # noqa: BLE001  # any ending is a result
            result = error
        self._tally.end(f"{request.outcome(result)} (event loop)", str(result)[:300])
