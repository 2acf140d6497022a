"""The cost of each frame of a call, by door, around a backend that costs nothing; of a batched row; and of a thread's wake.

CPU with warm caches, the smallest of many rounds; inside a real model each frame costs up to twice as much.

    python benchmarks/layers.py
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import accelerator_plugin
import numpy as np

import turnout
from turnout import InferenceRequest, InferenceResponse
from turnout.metrics import Metrics

CALLS, ROUNDS, CALLERS, HOPS = 3000, 31, 32, 3000
ROWS = np.random.default_rng(7).standard_normal((CALLERS, 1, 8)).astype("f4")


class Nothing(accelerator_plugin.Accelerator):
    """Answers at once, through both doors, or through ``infer`` alone where requests are batched."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({"y": request.inputs["x"]})


class Awaited(Nothing):
    """Has a coroutine of its own, so that no thread is measured."""

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({"y": request.inputs["x"]})


def open_app(kind: type[Nothing], **more: Any) -> turnout.Turnout:
    """Return an app with one model ``m`` on ``kind``."""
    accelerator_plugin.Accelerator = kind
    model = {"backend": "accelerator", "backends": {"accelerator": {}}, "inputs": {"x": "FP32[8]"}, "max_batch_size": CALLERS}
    return turnout.open({"models": {"m": model | more}}, plugins=accelerator_plugin.plugins(), metrics=Metrics())


async def frames() -> None:
    """Print the cost of each frame, from the backend to the model."""
    with open_app(Awaited) as app:
        model = app.model("m")
        await model.ainfer({"x": ROWS[0]})
        request = InferenceRequest({"x": ROWS[0]})
        chain, frame = [model], model._serving.inner
        while frame is not None:
            chain.append(frame)
            frame = getattr(frame, "inner", None) or getattr(frame, "_inner", None)
        before = (0.0, 0.0)
        print("from the backend outwards, us of CPU: ainfer, infer")
        for one in reversed(chain):
            costs = await _fastest_await(lambda one=one: one.ainfer(request)), _fastest(lambda one=one: one.infer(request))
            print(f"  {type(one).__name__:16} +{costs[0] - before[0]:5.2f}  +{costs[1] - before[1]:5.2f}")
            before = costs
        whole = await _fastest_await(lambda: model.ainfer({"x": ROWS[0]})), _fastest(lambda: model.infer({"x": ROWS[0]}))
        print(f"  {'a dict of arrays':16} +{whole[0] - before[0]:5.2f}  +{whole[1] - before[1]:5.2f}")
        print(f"  {'in all':16}  {whole[0]:5.2f}   {whole[1]:5.2f}")


def batched_row() -> None:
    """Print what one row costs in a batch of 32 asyncio tasks."""
    with open_app(Nothing, dynamic_batching={}) as app:
        model = app.model("m")

        async def work(row: np.ndarray) -> None:
            for _ in range(100):
                await model.ainfer({"x": row})

        async def turn() -> float:
            start = time.process_time()
            await asyncio.gather(*(work(row) for row in ROWS))
            return 1e6 * (time.process_time() - start) / CALLERS / 100

        costs = [asyncio.run(turn()) for _ in range(ROUNDS)]
    print(f"one row in batches of {CALLERS} asyncio tasks, the model's own time excluded: {min(costs):.1f} us of CPU")


def thread_wake() -> None:
    """Print the time from one thread to the next in a ring of threads that wake one another, as the callers of a batch do."""
    asleep = [threading.Lock() for _ in range(CALLERS)]
    for lock in asleep:
        lock.acquire()

    def work(number: int) -> None:
        for _ in range(HOPS):
            asleep[number].acquire()
            asleep[(number + 1) % CALLERS].release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    start = time.perf_counter()
    asleep[0].release()
    for thread in threads:
        thread.join()
    print(f"one wake of a thread by another: {1e6 * (time.perf_counter() - start) / HOPS / CALLERS:.1f} us of time")


def _fastest(call: Callable[[], object]) -> float:
    return min(_microseconds(call) for _ in range(ROUNDS))


def _microseconds(call: Callable[[], object]) -> float:
    start = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - start) / CALLS / 1000


async def _fastest_await(call: Callable[[], Awaitable[object]]) -> float:
    costs = []
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        for _ in range(CALLS):
            await call()
        costs.append((time.process_time_ns() - start) / CALLS / 1000)
    return min(costs)


def main() -> int:
    asyncio.run(frames())
    batched_row()
    thread_wake()
    return 0


if __name__ == "__main__":
    sys.exit(main())
