"""A caller that is cancelled at any await leaves nothing behind, and is no failure of the backend."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.core.middleware.async_kit import REQUEST, Awaits, Hangs, X, cancelled, offload

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import BackendUnavailableError, InferenceError, OverloadedError
from turnout.metrics import Metrics, Outcome
from turnout.middleware.canary import Canary
from turnout.middleware.circuit_breaker import CircuitBreaker
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.fallback import Fallback
from turnout.middleware.lazy import Lazy
from turnout.middleware.load_shedder import LoadShedder
from turnout.middleware.meter import Meter
from turnout.middleware.offload import Offload
from turnout.middleware.outage_log import OutageLog
from turnout.middleware.recorder import Recorder
from turnout.middleware.retry import Retry
from turnout.middleware.shadow import Shadow
from turnout.middleware.tensor_check import TensorCheck
from turnout.recording import RecordingPolicy
from turnout.resilience.circuit_state import CircuitPolicy
from turnout.resilience.late_work import LateWork
from turnout.rollout.canary import CanaryPolicy
from turnout.rollout.shadow import ShadowLedger, ShadowPolicy
from turnout.rollout.shadow.copier import Copier, Copying, _room_of
from turnout.serving.deployment import Deployment
from turnout.serving.executor import InferenceExecutor
from turnout.serving.model import Model
from turnout.testing import PlusOne

LARGE = InferenceRequest({"x": np.ones((1 << 17, 2), np.float32)})
POLICY = CircuitPolicy(consecutive_failures=3, open_seconds=0.001, longest_open_seconds=60.0)
LIMIT_SECONDS = 20


class Turns(ModelInference):
    """Answers as ``inner`` after as many turns of the loop as ``before`` says, and passes it on."""

    def __init__(self, inner: Awaits) -> None:
        self.inner = inner

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self.inner.error is not None:
            raise self.inner.error
        return InferenceResponse({"x": request.inputs["x"].copy()}, request.id)

    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        return await self.inner.ainfer(request)

    def signature(self) -> Any:
        return self.inner.signature()


class House:
    """A whole model, every middleware of it at work, around a backend that takes ``steps`` turns of the event loop."""

    def __init__(self, folder: Path, backend: Awaits, *, in_threads: bool = False) -> None:
        self.metrics, self.executor, self.backend = Metrics(), InferenceExecutor(4), backend
        self.late = LateWork(lambda: None)
        meters = self.metrics.resilience
        lazy = Lazy("m", lambda: Turns(backend))
        boundary = ErrorBoundary(lazy, "m", "b")
        bottom = Offload(boundary, ("m", "b"), self.executor, self.late, (lambda: False) if in_threads else lazy.awaits)
        self.shedder = LoadShedder(
            OutageLog(Meter(bottom, self.metrics.requests("m", "b")), "m", "b"),
            "m",
            "b",
            8,
            meters.shedding("m", "b"),
            late=self.late,
        )
        self.breaker = CircuitBreaker(self.shedder, "m", "b", POLICY, meters.circuit("m", "b"), threads=self.executor)
        retry = Retry(self.breaker, 0.5, meters.retries("m", "b"))
        ledger = ShadowLedger("m", "b", "s", meter=self.metrics.shadows.meter("m", "b", "s"))
        policy = ShadowPolicy(1.0, max_bytes_per_second=10**12)
        self.shadow = Shadow(retry, PlusOne(), policy, ledger, random=lambda: 0.0, threads=self.executor)
        canary = Canary(self.shadow, PlusOne(), CanaryPolicy("m", 0.5), random=lambda: 1.0)
        fallback = Fallback(canary, PlusOne(), "m", ("b", "f"), meters.fallbacks("m", "b", "f"))
        record = RecordingPolicy(folder, fraction=1.0)
        self.recorder = Recorder(fallback, "m", "b", record, self.metrics.recordings.counter("m"), threads=self.executor)
        self.deployment = Deployment(TensorCheck(self.recorder, "m", threads=self.executor))
        self.model = Model("m", "b", lambda: self.deployment, self.executor)

    def counts(self) -> dict[str, float]:
        """Return the requests of the arm by outcome."""
        values = {one: self._value("turnout_inference_requests_total", outcome=one) for one in Outcome}
        return {str(outcome): value for outcome, value in values.items() if value}

    def check_empty(self) -> None:
        """Fail unless no request is in flight anywhere."""
        self.executor.close()
        assert len(self.deployment.calls) == 0
        assert self._value("turnout_inference_in_flight") == 0
        assert self.shedder._in_flight == len(self.late) == 0
        mirror = self.shadow._mirror
        self.model.close()
        assert (mirror._waiting, mirror._bytes, len(mirror._in_flight)) == (0, 0, 0)
        assert self.recorder._recording._reserved == self.recorder._recording._waiting_bytes == 0

    def _value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"model": "m", "backend": "b", **labels}) or 0


@contextmanager
def house(folder: Path, backend: Awaits, **options: bool) -> Iterator[House]:
    made = House(folder, backend, **options)
    try:
        yield made
    finally:
        made.executor.close()
        made.model.close()
        made.deployment.close()  # where no test has used the model itself


async def step(work: Any, turns: int) -> str:
    """Run ``work`` for ``turns`` turns of the event loop, then cancel it; return how it ended."""
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        if task.done():
            break
        # Not only a turn: the work of threads gets its time too.
        await asyncio.sleep(0.0005)
    task.cancel()
    await asyncio.wait([task], timeout=LIMIT_SECONDS)
    if task.cancelled():
        return "cancelled"
    return type(task.exception()).__name__ if task.exception() else "answered"


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    turns=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    steps=st.integers(0, 3),
    large=st.booleans(),
    in_threads=st.booleans(),
    error=st.sampled_from([None, InferenceError("bad"), BackendUnavailableError("down")]),
    open_first=st.booleans(),
)
def test_cancelling_at_any_await_leaves_nothing_in_flight(
    tmp_path: Path, turns: list[int], steps: int, large: bool, in_threads: bool, error: Any, open_first: bool
) -> None:
    backend = Awaits(steps, error)
    with house(tmp_path, backend, in_threads=in_threads) as all_of_it:
        if open_first:
            all_of_it.model.open()
        request = LARGE if large else REQUEST

        async def main() -> list[str]:
            return await asyncio.gather(*(step(all_of_it.model.ainfer(request), each) for each in turns))

        ends = asyncio.run(main())

        for end in ends:
            event(end)
        assert set(ends) <= {"cancelled", "answered", "InferenceError"}
        all_of_it.check_empty()
        counts = all_of_it.counts()
        if error is None:
            assert set(counts) <= {"ok", "cancelled"}
            assert counts.get("ok", 0) >= ends.count("answered")


def test_a_thousand_cancelled_callers_open_no_circuit(tmp_path: Path) -> None:
    backend = Awaits(3)
    with house(tmp_path, backend) as all_of_it:
        all_of_it.model.open()

        async def main() -> set[str]:
            ends = set()
            for _ in range(125):
                calls = (step(all_of_it.model.ainfer(REQUEST), 0) for _ in range(8))
                ends |= set(await asyncio.gather(*calls))
            return ends | {"answered" if (await all_of_it.model.ainfer(REQUEST))["x"].tolist() == X.tolist() else "wrong"}

        assert asyncio.run(main()) <= {"cancelled", "answered"}
        all_of_it.check_empty()


def open_circuit(all_of_it: House) -> None:
    all_of_it.backend.error = BackendUnavailableError("down")
    for _ in range(POLICY.consecutive_failures):
        with pytest.raises(BackendUnavailableError):
            asyncio.run(all_of_it.breaker.ainfer(REQUEST))
    all_of_it.backend.error = None
    assert not all_of_it.breaker.ready()


def test_the_trial_of_a_cancelled_caller_goes_to_the_next_request(tmp_path: Path) -> None:
    hangs = Hangs(LIMIT_SECONDS)
    with house(tmp_path, hangs) as all_of_it:
        hangs.hangs = False
        open_circuit(all_of_it)
        hangs.hangs = True
        time.sleep(POLICY.open_seconds)
        end = asyncio.run(cancelled(all_of_it.breaker.ainfer(REQUEST), hangs.started, LIMIT_SECONDS))
        hangs.hangs = False

        # Without the turn of the cancelled one, the next trial would start a minute later.
        response = asyncio.run(all_of_it.breaker.ainfer(REQUEST))

        assert isinstance(end, asyncio.CancelledError)
        assert response["x"].tolist() == X.tolist()


def test_a_proof_that_is_cancelled_leaves_room_for_the_next_proof(tmp_path: Path) -> None:
    backend = Awaits(0)
    with house(tmp_path, backend) as all_of_it:
        all_of_it.model.open()
        asyncio.run(all_of_it.breaker.ainfer(REQUEST))
        bad = InferenceRequest({"x": np.zeros((1, 2), np.float32)})
        proving = threading.Event()

        async def refuse_zeros(request: InferenceRequest) -> InferenceResponse:
            if not request.inputs["x"].any():
                raise InferenceError("bad")
            proving.set()
            await asyncio.sleep(LIMIT_SECONDS)
            raise AssertionError

        backend.ainfer = refuse_zeros  # type: ignore[method-assign]
        for _ in range(POLICY.consecutive_failures - 1):
            with pytest.raises(InferenceError):
                asyncio.run(all_of_it.breaker.ainfer(bad))

        end = asyncio.run(cancelled(all_of_it.breaker.ainfer(bad), proving, LIMIT_SECONDS))

        assert isinstance(end, asyncio.CancelledError)
        assert all_of_it.breaker._circuit._proof_start is None


def test_the_slot_of_a_request_that_runs_on_is_free_when_its_thread_has_ended(tmp_path: Path) -> None:
    hangs = Hangs(LIMIT_SECONDS)
    with house(tmp_path, hangs) as all_of_it:
        executor = InferenceExecutor(4)
        inner, late, _ = offload(hangs, executor)
        shedder = LoadShedder(inner, "m", "b", 1, all_of_it.metrics.resilience.shedding("m", "b"), late=late)

        end = asyncio.run(cancelled(shedder.ainfer(REQUEST), hangs.started, LIMIT_SECONDS))
        with pytest.raises(OverloadedError):
            asyncio.run(shedder.ainfer(REQUEST))
        hangs.go.set()
        executor.close()

        assert isinstance(end, asyncio.CancelledError)
        assert shedder.infer(REQUEST)["x"].tolist() == X.tolist()


def test_a_copy_that_a_cancelled_caller_may_have_changed_is_neither_recorded_nor_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying, may_copy = threading.Event(), threading.Event()

    def slowly(tensors: Any) -> Any:
        copying.set()
        assert may_copy.wait(LIMIT_SECONDS)
        return {name: np.array(tensor) for name, tensor in tensors.items()}

    monkeypatch.setattr("turnout.recording.background.copy_tensors", slowly)
    with house(tmp_path, Awaits()) as all_of_it:
        end = asyncio.run(cancelled(all_of_it.recorder.ainfer(LARGE), copying, LIMIT_SECONDS))
        may_copy.set()
        all_of_it.check_empty()

        assert isinstance(end, asyncio.CancelledError)
        assert list(tmp_path.rglob("*.safetensors")) == list(tmp_path.rglob("*.npz")) == []
        count = all_of_it.metrics.registry.get_sample_value
        assert count("turnout_recorded_requests_total", {"model": "m", "outcome": "recorded"}) == 0
        assert count("turnout_recorded_requests_total", {"model": "m", "outcome": "dropped"}) == 1


def test_a_mirrored_copy_that_a_cancelled_caller_may_have_changed_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying, may_copy = threading.Event(), threading.Event()
    finish = Copier.finish

    def slowly(self: Copier, started: Copying) -> Any:
        copying.set()
        assert may_copy.wait(LIMIT_SECONDS)
        return finish(self, started)

    monkeypatch.setattr(Copier, "finish", slowly)
    with house(tmp_path, Awaits()) as all_of_it:
        all_of_it.model.open()
        for _ in range(4):  # else it is dropped for want of memory
            all_of_it.shadow._mirror._copier._allocate(_room_of(LARGE.inputs["x"].nbytes))
        end = asyncio.run(cancelled(all_of_it.shadow.ainfer(LARGE), copying, LIMIT_SECONDS))
        may_copy.set()
        all_of_it.check_empty()

        labels = {"model": "m", "backend": "b", "shadow": "s"}
        counted = {
            verdict: all_of_it.metrics.registry.get_sample_value(
                "turnout_shadow_comparisons_total", {**labels, "verdict": verdict}
            )
            for verdict in ("match", "mismatch", "dropped")
        }
        assert isinstance(end, asyncio.CancelledError)
        assert counted == {"match": 0, "mismatch": 0, "dropped": 1}


def test_a_gauge_that_a_cancelled_caller_leaves_behind_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leaves_it(self: Meter, request: InferenceRequest) -> InferenceResponse:
        self._enter(None)
        response = await self.inner.ainfer(request)
        self._leave()
        return response

    monkeypatch.setattr(Meter, "ainfer", leaves_it)
    hangs = Hangs(LIMIT_SECONDS)
    with house(tmp_path, hangs) as all_of_it:
        asyncio.run(cancelled(all_of_it.model.ainfer(REQUEST), hangs.started, LIMIT_SECONDS))

        with pytest.raises(AssertionError):
            all_of_it.check_empty()
