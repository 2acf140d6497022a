"""Every middleware behaves around ``ainfer`` as around ``infer``: the same answers, errors, counts and calls."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import itertools
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from tests.core.middleware.async_kit import REQUEST, X
from tests.core.middleware.resilience_kit import Clock

import turnout.middleware
from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.batching.rules import batch_rules
from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    ClosedError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InferenceError,
    InvalidRequestError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
)
from turnout.metrics import Metrics
from turnout.middleware.base import Middleware
from turnout.middleware.canary import Canary
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.middleware.dynamic_batcher import DynamicBatcher
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.execution_span import ExecutionSpan
from turnout.middleware.fallback import Fallback
from turnout.middleware.lazy import Lazy
from turnout.middleware.load_shedder import LoadShedder
from turnout.middleware.meter import Meter
from turnout.middleware.outage_log import OutageLog
from turnout.middleware.recorder import Recorder
from turnout.middleware.request_span import RequestSpan
from turnout.middleware.retry import Retry
from turnout.middleware.shadow import Shadow
from turnout.middleware.tensor_check import TensorCheck
from turnout.plugins.batching import DynamicBatching
from turnout.recording import RecordingPolicy
from turnout.resilience.circuit_state import CircuitPolicy
from turnout.rollout.canary import CanaryPolicy
from turnout.rollout.shadow import ShadowLedger, ShadowPolicy
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne
from turnout.tracing.tracer import Tracer

KINDS = (
    InvalidRequestError,
    BackendUnavailableError,
    NotReachedError,
    CircuitOpenError,
    OverloadedError,
    ForkedAfterLoadError,
    DeadlineExceededError,
    ClosedError,
    ModelLoadError,
    InferenceError,
    ValueError,
    SystemError,
)


class Both(ModelInference):
    """Does the next thing of a script, at either door: answers, or raises an error of that kind."""

    def __init__(self, script: Sequence[type[Exception] | None]) -> None:
        self._script = itertools.cycle(script)
        self.calls = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.calls += 1
        kind = next(self._script)
        if kind is not None:
            raise kind("scripted")
        return InferenceResponse({name: array.copy() for name, array in request.inputs.items()}, request.id)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        await asyncio.sleep(0)
        return self.infer(request)

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1, 2)),))


class Bench:
    """One middleware around a scripted model, with metrics of its own."""

    def __init__(self, script: Sequence[type[Exception] | None], folder: Path) -> None:
        self.inner, self.other = Both(script), Both([None, InferenceError])
        self.metrics, self.clock, self.folder = Metrics(), Clock(), folder

    def recorder(self) -> Recorder:
        policy = RecordingPolicy(self.folder / "records", fraction=1.0)
        return Recorder(self.inner, "m", "b", policy, self.metrics.recordings.counter("m"))

    def shadow(self) -> Shadow:
        ledger = ShadowLedger("m", "b", "other", meter=self.metrics.shadows.meter("m", "b", "other"))
        return Shadow(self.inner, PlusOne(), ShadowPolicy(1.0), ledger, random=lambda: 0.0)

    def circuit(self) -> CircuitBreaker:
        meter = self.metrics.resilience.circuit("m", "b")
        return CircuitBreaker(self.inner, "m", "b", CircuitPolicy(consecutive_failures=3), meter, self.clock)

    def values(self) -> dict[Any, float]:
        """Return all counts, and the calls of both models; no times, and no verdicts of threads that may be closed in time."""
        counts: dict[Any, float] = defaultdict(float, {"inner": self.inner.calls, "other": self.other.calls})
        for family in self.metrics.registry.collect():
            # Those of the process say nothing of one door.
            for sample in family.samples if family.name.startswith("turnout_") else ():
                if not sample.name.endswith(("_created", "_bucket", "_sum")) and not sample.name.startswith(OF_VERDICTS):
                    labels = {} if sample.name.startswith(("turnout_shadow", "turnout_recorded")) else sample.labels
                    counts[sample.name, *sorted(labels.items())] += sample.value
        return dict(counts)


TRACER = Tracer(TracerProvider())
BEHAVIORS: dict[str, Callable[[Bench], ModelInference]] = {
    "canary": lambda bench: Canary(
        bench.inner, bench.other, CanaryPolicy("m", 0.5), random=itertools.cycle([0.2, 0.9, 0.4]).__next__
    ),
    "circuit_breaker": Bench.circuit,
    "dynamic_batcher": lambda bench: DynamicBatcher(
        ErrorBoundary(bench.inner, "m", "b"),
        ("m", "b"),
        batch_rules(DynamicBatching(), 4),
        bench.metrics.batches("m", "b"),
        refused=bench.metrics.resilience.full_queue("m", "b"),
    ),
    "error_boundary": lambda bench: ErrorBoundary(bench.inner, "m", "b"),
    "execution_span": lambda bench: ExecutionSpan(bench.inner, TRACER, ("m", "b"), batched=True),
    "fallback": lambda bench: Fallback(
        bench.inner, bench.other, "m", ("b", "other"), bench.metrics.resilience.fallbacks("m", "b", "other")
    ),
    "lazy": lambda bench: Lazy("m", lambda: bench.inner),
    "load_shedder": lambda bench: LoadShedder(bench.inner, "m", "b", 1, bench.metrics.resilience.shedding("m", "b")),
    "meter": lambda bench: Meter(bench.inner, bench.metrics.requests("m", "b")),
    "outage_log": lambda bench: OutageLog(bench.inner, "m", "b", bench.clock),
    "recorder": Bench.recorder,
    "request_span": lambda bench: RequestSpan(bench.inner, TRACER, "m", "b"),
    "retry": lambda bench: Retry(bench.inner, 0.5, bench.metrics.resilience.retries("m", "b")),
    "shadow": Bench.shadow,
    "tensor_check": lambda bench: TensorCheck(bench.inner, "m", clock=bench.clock),
}
REQUESTS = [
    REQUEST,
    InferenceRequest({"x": X}, 10.0**6 * 1.0, "id", {"p": 1}),
    InferenceRequest({"x": X.astype(np.float64)}),
    InferenceRequest({"x": X}, -1.0),
    InferenceRequest({"x": np.array([[b"text", "text"]], dtype=object)}),
]
LATE = 3
OF_VERDICTS = ("turnout_parity", "turnout_shadow_duration")
"""Metrics that depend on the verdict of a shadow."""


@pytest.fixture(autouse=True)
def same_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.resilience.circuit._JITTER", 0.0)


def outcome_of(call: Callable[[], InferenceResponse]) -> tuple[object, ...]:
    try:
        response = call()
    except TurnoutError as error:
        return type(error), error.model, error.backend, getattr(error, "field", None)
    except (ValueError, SystemError) as error:
        return type(error), str(error)
    return response.id, {name: array.tolist() for name, array in response.items()}


def outcomes(behavior: str, bench: Bench, requests: Sequence[int], ask: Callable[..., Any]) -> list[object]:
    model = BEHAVIORS[behavior](bench)
    model.open()  # a deadline in the past may meet an opening in its last microsecond
    results: list[object] = []
    for index in requests:
        bench.clock.now += 0.3
        results.append(outcome_of(lambda index=index: ask(model, REQUESTS[index])))  # type: ignore[misc]
    model.close()
    return [*results, bench.values()]


@pytest.mark.parametrize("behavior", BEHAVIORS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from((None, *KINDS)), min_size=1, max_size=6),
    st.lists(st.integers(0, len(REQUESTS) - 1), min_size=1, max_size=12),
)
def test_the_two_doors_are_the_same(behavior: str, tmp_path: Path, script: Any, requests: Any) -> None:
    # Only a request that queues is late before it reaches the model; in a thread the first one does not queue.
    requests = [index for index in requests if behavior != "dynamic_batcher" or index != LATE]
    sync = outcomes(behavior, Bench(script, tmp_path / "s"), requests, lambda model, request: model.infer(request))
    loop = outcomes(
        behavior, Bench(script, tmp_path / "a"), requests, lambda model, request: asyncio.run(model.ainfer(request))
    )

    assert loop == sync


def test_every_middleware_has_an_ainfer_of_its_own() -> None:
    modules = [
        importlib.import_module(f"turnout.middleware.{one.name}") for one in pkgutil.iter_modules(turnout.middleware.__path__)
    ]
    classes = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)}
    models = {kind for kind in classes if issubclass(kind, ModelInference)} - {ModelInference, Middleware}
    behaviors = {kind for kind in models if not inspect.isabstract(kind)}

    inherited = {ModelInference.ainfer, Middleware.ainfer}
    assert {kind.__name__ for kind in behaviors if kind.ainfer in inherited} == set()
    assert {kind.__module__.rpartition(".")[2] for kind in behaviors} - {"offload"} == set(BEHAVIORS)


def test_a_door_that_counts_twice_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ainfer = Retry.ainfer

    async def asks_twice(self: Retry, request: InferenceRequest) -> InferenceResponse:
        await ainfer(self, request)
        return await ainfer(self, request)

    monkeypatch.setattr(Retry, "ainfer", asks_twice)

    with pytest.raises(AssertionError):
        test_the_two_doors_are_the_same.hypothesis.inner_test("retry", tmp_path, [None], [0])  # type: ignore[attr-defined]


def test_a_cancelled_error_of_the_backend_itself_is_its_failure() -> None:
    class Foreign(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            raise asyncio.CancelledError

        async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
            raise asyncio.CancelledError

        async def aopen(self, deadline: float | None = None) -> None:
            raise asyncio.CancelledError

    model = ErrorBoundary(Foreign(), "m", "b")

    for work in (lambda: model.ainfer(REQUEST), model.aopen):
        with pytest.raises(InferenceError, match="model 'm' on backend 'b' failed: CancelledError"):
            asyncio.run(work())
