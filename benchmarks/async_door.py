"""The async door: threads for 1,000 callers, CPU of one ``ainfer``, and how long large tensors hold the event loop up.

- **Threads**: the most threads alive while 1,000 ``ainfer`` or ``arun`` wait for a backend that awaits.
- **CPU**: ``ainfer`` against the same coroutine without Turnout, and against ``run_in_executor`` for a backend that blocks.
- **Lag**: the longest time, in CPU, in which the loop did not turn while requests of 12 MB pass. The other side, "all in the
  loop", is the same code with every check and copy in the event loop: what decision 0016 is about.

The sides take turns; figures are medians over rounds.

    python benchmarks/async_door.py
    python benchmarks/async_door.py --rounds 30 --json out/async_door.json
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from awaiting_plugin import Awaits, Blocks, EchoOptions, plugins
from bars import Measured, report

import turnout
from turnout import InferenceRequest, PipelineContext, PipelineStep, Turnout
from turnout.metrics import Metrics
from turnout.pipeline import Pipeline, plan_pipeline

CALLERS = 1000
NUMBERS = np.zeros(3_000_000, np.float32)  # 12 MB
TEXTS = np.array([f"{number:060}" for number in range(200_000)], dtype=object)  # 12 MB
SMALL = np.zeros(8, np.float32)
IS_SMALL = ("middleware.tensor_check", "middleware.recorder", "middleware.shadow", "middleware.circuit_breaker")


def open_app(backend: str, folder: str = ".", **more: Any) -> Turnout:
    """Return an app with the model ``m``."""
    options = {"seconds": more.pop("seconds", 0.0), "datatype": more.pop("datatype", "FP32")}
    model = {
        "backend": backend,
        "backends": {backend: options, "other": {}} if more.pop("other", False) else {backend: options},
    }
    return turnout.open({"models": {"m": model | more}}, plugins=plugins(), metrics=Metrics())


class Asks(PipelineStep):
    """Sends one request."""

    model = "m"
    provides = ("answer",)

    def preprocess(self, context: PipelineContext) -> list[InferenceRequest]:
        return [InferenceRequest({"x": SMALL})]

    def postprocess(self, context: PipelineContext, responses: Any) -> None:
        context["answer"] = responses[0]["y"]


async def most_threads(work: Awaitable[Any]) -> int:
    """Return the most threads at any turn of the loop, of those that ``work`` started."""
    before, most = threading.active_count(), 0
    task = asyncio.ensure_future(work)
    while not task.done():
        most = max(most, threading.active_count() - before)
        await asyncio.sleep(0.001)
    await task
    return most


def measure_threads() -> Iterator[Measured]:
    """Yield the threads that 1,000 waiting callers need."""
    with open_app("awaits", seconds=0.2) as app:
        model, observer = app.model("m"), app.metrics.pipeline("p", {"asks": ("preprocess", "inference", "postprocess")})
        pipeline = Pipeline(
            "p",
            plan_pipeline("p", {"asks": Asks()}),
            app.models,
            submit=app._threads.inference.submit,
            observer=observer,
            threads=app._threads.steps,
        )
        model.open()
        doors: dict[str, Callable[[], Awaitable[Any]]] = {
            "ainfer": lambda: model.ainfer({"x": SMALL}),
            "arun": lambda: pipeline.arun({}),
        }
        for door, call in doors.items():

            async def all_of_them(call: Callable[[], Awaitable[Any]] = call) -> int:
                return await most_threads(asyncio.gather(*(call() for _ in range(CALLERS))))

            start = time.perf_counter()
            threads = asyncio.run(all_of_them())
            note = f"{time.perf_counter() - start:.2f} s for all, 0.2 s each"
            yield Measured(f"threads for 1,000 waiting {door}", threads, 40, "lower", "", note=note)


async def cpu_of(call: Callable[[], Awaitable[Any]], tasks: int = 32, calls: int = 100) -> float:
    """Return the CPU microseconds of one call, from ``tasks`` tasks at once."""

    async def many() -> None:
        for _ in range(calls):
            await call()

    start = time.process_time_ns()
    await asyncio.gather(*(many() for _ in range(tasks)))
    return (time.process_time_ns() - start) / tasks / calls / 1000


def measure_cpu(rounds: int) -> Iterator[Measured]:
    """Yield the CPU of ``ainfer`` against the same work without Turnout."""
    request, pool = InferenceRequest({"x": SMALL}), ThreadPoolExecutor(32)
    own, blocking = Awaits(EchoOptions()), Blocks(EchoOptions())

    async def in_pool() -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, blocking.infer, request)

    for backend, plain, bar in (("awaits", lambda: own.ainfer(request), None), ("blocks", in_pool, None)):
        with open_app(backend) as app:
            model = app.model("m")
            model.open()
            door = partial(model.ainfer, {"x": SMALL})
            pairs = [(asyncio.run(cpu_of(plain)), asyncio.run(cpu_of(door))) for _ in range(rounds)]
        before, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
        note = f"{before:.1f} us without Turnout, {ours:.1f} us with"
        yield Measured(f"CPU that ainfer adds, a backend that {backend}", ours - before, bar, "lower", "us", note=note)
    pool.shutdown()


class Here:
    """Threads that are none: the work runs in the event loop."""

    def call(self, work: Callable[[], Any], *, name: str = "") -> Future[Any]:
        """Do ``work`` now."""
        future: Future[Any] = Future()
        future.set_result(work())
        return future


@contextmanager
def all_in_the_loop(app: Turnout) -> Iterator[None]:
    """Do every check and copy of ``app`` in the event loop."""
    always = [mock.patch(f"turnout.{module}.is_small", return_value=True) for module in IS_SMALL]
    with mock.patch.object(app.models["m"], "_threads", Here()):
        for patch in always:
            patch.start()
        try:
            yield
        finally:
            for patch in always:
                patch.stop()


async def longest_lag(app: Turnout, array: np.ndarray, calls: int = 4) -> float:
    """Return the longest pause of the loop while ``calls`` requests pass, in milliseconds of this process's CPU.

    CPU, because other processes of a busy machine stop the loop for longer than any tensor.
    """
    longest, ended = 0.0, False

    async def beat() -> None:
        nonlocal longest
        while not ended:
            start = time.process_time()
            await asyncio.sleep(0)
            longest = max(longest, time.process_time() - start)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.01)
    longest = 0.0
    for _ in range(calls):
        await app.model("m").ainfer({"x": array})
    ended = True
    await beating
    return longest * 1000


def measure_lag(rounds: int) -> Iterator[Measured]:
    """Yield the longest pause of the event loop, and that of the other side."""
    with tempfile.TemporaryDirectory() as folder:
        record = {"record": {"directory": folder, "fraction": 1.0, "max_bytes": 10**9}}
        cases: list[tuple[str, np.ndarray, dict[str, Any]]] = [
            ("12 MB of numbers", NUMBERS, {}),
            ("12 MB of numbers, recorded", NUMBERS, record),
            ("12 MB, big-endian", NUMBERS.astype(">f4"), {}),
            ("200,000 texts of 60 bytes", TEXTS, {"datatype": "BYTES"}),
        ]
        for name, array, more in cases:
            with open_app("awaits", **more) as app:
                app.model("m").open()
                asyncio.run(longest_lag(app, array))
                sides: dict[str, list[float]] = {"threads": [], "loop": []}
                for _ in range(rounds):
                    # The thread that writes records rests nine times as long as it works; it drops what comes meanwhile.
                    time.sleep(0.5 if more.get("record") else 0)
                    sides["threads"].append(asyncio.run(longest_lag(app, array)))
                    time.sleep(0.5 if more.get("record") else 0)
                    with all_in_the_loop(app):
                        sides["loop"].append(asyncio.run(longest_lag(app, array)))
            built, other = (statistics.median(side) for side in sides.values())
            yield Measured(f"lag of the loop, {name}", built, None, "lower", "ms", note=f"all in the loop: {other:.1f} ms")


def main() -> int:
    """Run the three parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = [*measure_threads(), *measure_cpu(options.rounds), *measure_lag(options.rounds)]
    return report(found, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
