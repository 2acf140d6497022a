"""The cost of resilience: a healthy call through breaker, fallback, retry and shedder; answers and refusals under overload.

    python benchmarks/resilience.py

Times are the fastest of many rounds, in microseconds a call above a bare call of the same model.
"""

from __future__ import annotations

import itertools
import resource
import threading
import time
from collections.abc import Callable

import numpy as np
from prometheus_client import CollectorRegistry

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import OverloadedError
from turnout.metrics.resilience import ResilienceMeters
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.middleware.fallback import Fallback
from turnout.middleware.load_shedder import LoadShedder
from turnout.middleware.retry import Retry
from turnout.resilience.circuit_state import CircuitPolicy

CALLS, ROUNDS = 5_000, 25
CAPACITY, WORK_SECONDS, LOAD_SECONDS = 8, 0.01, 3.0
ANSWER = InferenceResponse({})
METERS = ResilienceMeters(CollectorRegistry())


class Bare(ModelInference):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return ANSWER


class Engine(ModelInference):
    """Serves ``CAPACITY`` requests at once; each waiting request slows all down, as a lack of memory or cache does."""

    def __init__(self) -> None:
        self._places = threading.Semaphore(CAPACITY)
        self._lock = threading.Lock()
        self._queued = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        with self._lock:
            self._queued += 1
        with self._places:
            time.sleep(WORK_SECONDS * (1 + max(0, self._queued - CAPACITY) / CAPACITY))
        with self._lock:
            self._queued -= 1
        return ANSWER


def microseconds(infer: Callable[[InferenceRequest], object], request: InferenceRequest) -> float:
    def once() -> float:
        start = time.perf_counter()
        for _ in range(CALLS):
            infer(request)
        return (time.perf_counter() - start) / CALLS

    return 1e6 * min(once() for _ in range(ROUNDS))


def with_breaker(inner: ModelInference) -> CircuitBreaker:
    return CircuitBreaker(inner, "m", "triton", CircuitPolicy(), METERS.circuit("m", "triton"))


def with_fallback(inner: ModelInference) -> Fallback:
    return Fallback(inner, Bare(), "m", ("triton", "direct"), METERS.fallbacks("m", "triton", "direct"))


def with_retry(inner: ModelInference) -> Retry:
    return Retry(inner, 0.1, METERS.retries("m", "triton"))


def with_shedder(inner: ModelInference) -> LoadShedder:
    return LoadShedder(inner, "m", "triton", CAPACITY, METERS.shedding("m", "triton"))


def measure_costs() -> None:
    plain = InferenceRequest({"x": np.ones(2, np.float32)})
    limited = InferenceRequest({"x": np.ones(2, np.float32)}, time.monotonic() + 3600)
    bare = microseconds(Bare().infer, plain)
    print(f"a bare call: {bare:.2f} us; above it:")
    for name, wrap in (
        ("breaker", with_breaker),
        ("fallback", with_fallback),
        ("retry", with_retry),
        ("shedder", with_shedder),
    ):
        model = wrap(Bare())
        print(
            f"  {name:9} {microseconds(model.infer, plain) - bare:5.2f} us"
            f"   with a deadline {microseconds(model.infer, limited) - bare:5.2f} us"
        )


def offer_load(model: ModelInference, threads: int) -> tuple[float, list[float]]:
    """Return the answers a second and the seconds of each refusal, for ``threads`` callers at a steady pace."""
    request = InferenceRequest({"x": np.ones(2, np.float32)})
    answered, refused = itertools.count(), []
    end = time.monotonic() + LOAD_SECONDS

    def call() -> None:
        while (start := time.monotonic()) < end:
            try:
                model.infer(request)
                next(answered)
            except OverloadedError:
                refused.append(time.monotonic() - start)
            time.sleep(max(0.0, start + WORK_SECONDS - time.monotonic()))

    workers = [threading.Thread(target=call) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return next(answered) / LOAD_SECONDS, sorted(refused)


def measure_overload() -> None:
    print(f"an engine for {CAPACITY} requests at once, {1000 * WORK_SECONDS:g} ms a request, with max_in_flight {CAPACITY}:")
    once, _ = offer_load(with_shedder(Engine()), CAPACITY)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ten, refused = offer_load(with_shedder(Engine()), 10 * CAPACITY)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    without, _ = offer_load(Engine(), 10 * CAPACITY)
    print(f"  at 1 x   {once:7.0f} answers a second")
    print(
        f"  at 10 x  {ten:7.0f} answers a second, {ten / once:.0%}; {len(refused)} refusals, "
        f"p99 {1000 * refused[int(0.99 * len(refused))]:.2f} ms, longest {1000 * refused[-1]:.2f} ms; "
        f"{grown / 1024:.1f} MB more"
    )
    print(f"  at 10 x without a limit {without:7.0f} answers a second, {without / once:.0%}")


if __name__ == "__main__":
    measure_costs()
    measure_overload()
