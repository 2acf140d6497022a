"""The cost of a shadow for the callers of the primary: latency with and without one, in one run.

The primary works without the CPU, as an accelerator does (``Served``), and returns as many bytes as it gets. The shadow is
healthy, slow, fails at once, hangs, or answers wrongly; every request is mirrored. Requests with and without a shadow alternate
in blocks, so that other load on the machine affects both.

    python benchmarks/shadow.py                     # small and 12 MB tensors, 4 callers
    python benchmarks/shadow.py --requests 4000

The requirement: no error, and a 99th percentile within 10 % or 1 ms of that without a shadow.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import BackendUnavailableError, TurnoutError
from turnout.metrics import Metrics
from turnout.middleware.shadow import Shadow
from turnout.rollout.shadow import ShadowLedger, ShadowPolicy
from turnout.testing import Fails, PlusOne, Slow

BLOCKS = 10


class Hangs(ModelInference):
    """Answers no request before ``ended`` is set."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.ended.wait()
        return InferenceResponse({})

    def close(self) -> None:
        self.ended.set()


class Wrong(PlusOne):
    """Answers off by 1e-2."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        answer = super().infer(request)
        return InferenceResponse({name: array + np.float32(1e-2) for name, array in answer.items()})


class Served(ModelInference):
    """Answers after ``seconds`` from memory that exists already, as a client of a server does; each thread has its own."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._own = threading.local()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        time.sleep(self._seconds)
        if not hasattr(self._own, "outputs"):
            self._own.outputs = {name: array + 1 for name, array in request.inputs.items()}
        return InferenceResponse(self._own.outputs)


SHADOWS: dict[str, Callable[[], ModelInference]] = {
    "healthy": PlusOne,
    "slow": lambda: Slow(0.05),
    "failing": lambda: Fails(BackendUnavailableError("down")),
    "hanging": Hangs,
    "wrong": Wrong,
}


def latencies(model: ModelInference, array: np.ndarray, requests: int, callers: int) -> tuple[list[float], int]:
    """Return the seconds of every request, and the number of failed or wrong answers."""

    def call(_: int) -> tuple[list[float], int]:
        mine, errors, own = [], 0, array.copy()
        first = own.reshape(-1)[0]
        for _ in range(requests // callers):
            start = time.perf_counter()
            try:
                answer = model.infer(InferenceRequest({"x": own}))
                errors += bool(answer["x"].reshape(-1)[0] != first + 1)
            except TurnoutError:
                errors += 1
            mine.append(time.perf_counter() - start)
        return mine, errors

    with ThreadPoolExecutor(callers) as threads:
        parts = list(threads.map(call, range(callers)))
    return [seconds for mine, _ in parts for seconds in mine], sum(errors for _, errors in parts)


def compare(kind: str, megabytes: float, seconds: float, options: argparse.Namespace, folder: Path) -> None:
    """Print the latencies of one case, without and with the shadow."""
    array = np.ones((1, round(megabytes * 250_000)), np.float32)
    meter = Metrics().shadows.meter("m", "first", "second")
    ledger = ShadowLedger("m", "first", "second", meter=meter, file=folder / f"{kind}.json")
    policy = ShadowPolicy(fraction=options.fraction, directory=folder / kind, closing_seconds=0.5)
    plain, shadowed = Served(seconds), Shadow(Served(seconds), SHADOWS[kind](), policy, ledger)
    figures: dict[str, list[float]] = {"plain": [], "shadowed": []}
    errors = 0
    for turn in range(BLOCKS + 1):
        sides = {"plain": plain, "shadowed": shadowed}
        for side in sorted(sides, reverse=turn % 2 == 0):
            took, failed = latencies(sides[side], array, options.requests // BLOCKS, options.callers)
            errors += failed
            figures[side] += took if turn else []  # the first block warms memory up
    shadowed.close()
    before, after = (1000 * np.percentile(figures[side], [50, 99]) for side in ("plain", "shadowed"))
    within = after[1] <= max(1.1 * before[1], before[1] + 1.0) and not errors
    print(
        f"{megabytes:6.2f} MB  {kind:8} p50 {before[0]:6.2f} -> {after[0]:6.2f} ms  p99 {before[1]:6.2f} -> {after[1]:6.2f} ms "
        f"errors {errors} {'within' if within else 'OVER'}",
        flush=True,
    )


def main() -> None:
    """Run every case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--fraction", type=float, default=1.0, help="the share of the requests that is mirrored")
    parser.add_argument("--case", nargs="*", choices=SHADOWS, default=list(SHADOWS))
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        for megabytes, seconds in ((0.01, 0.005), (12.0, 0.020)):
            for kind in options.case:
                compare(kind, megabytes, seconds, options, Path(folder))


main()
