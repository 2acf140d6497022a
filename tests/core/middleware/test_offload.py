"""The bottom of the async door: threads, own coroutines, deadlines, late work."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any

import pytest
from tests.core.middleware.async_kit import REQUEST, Awaits, Hangs, X, cancelled, offload

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import ClosedError, DeadlineExceededError, InferenceError, ModelLoadError
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.middleware.lazy import Lazy
from turnout.middleware.offload import Offload
from turnout.resilience.late_work import LateWork
from turnout.serving.executor import InferenceExecutor
from turnout.testing import Fails, PlusOne


class NamesItsThread(PlusOne):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({}, threading.current_thread().name)


class WithAinfer(NamesItsThread):
    async def ainfer(self, request: InferenceRequest) -> InferenceResponse:
        return self.infer(request)


def soon(seconds: float = 0.02) -> InferenceRequest:
    return InferenceRequest({"x": X}, time.monotonic() + seconds)


def behind_lazy(opened: Any, executor: InferenceExecutor) -> Offload:
    lazy = Lazy("m", opened)
    return Offload(ErrorBoundary(lazy, "m", "b"), ("m", "b"), executor, LateWork(lambda: None), lazy.awaits)


def test_infer_runs_in_a_thread_of_the_app_and_a_class_with_ainfer_in_the_loop(executor: InferenceExecutor) -> None:
    threads = [asyncio.run(behind_lazy(kind, executor).ainfer(REQUEST)).id for kind in (NamesItsThread, WithAinfer)]

    assert threads[0].startswith("turnout-infer")
    assert threads[1] == "MainThread"


def test_infer_has_no_frame_of_its_own(executor: InferenceExecutor) -> None:
    inner = PlusOne()

    assert offload(inner, executor)[0].infer == inner.infer


def test_at_its_deadline_a_caller_leaves_a_thread_that_runs_on(executor: InferenceExecutor, limit_seconds: int) -> None:
    hangs = Hangs(limit_seconds)
    model, late, counted = offload(hangs, executor)

    with pytest.raises(
        DeadlineExceededError, match="model 'm' on backend 'b' did not answer before the deadline; it runs on"
    ) as error:
        asyncio.run(model.ainfer(soon()))

    assert (error.value.started, len(late), counted) == (True, 1, [1])
    hangs.go.set()
    executor.close()
    assert (len(late), counted) == (0, [1])


def test_a_request_that_no_thread_has_started_is_withdrawn_at_its_deadline(limit_seconds: int) -> None:
    executor, hangs = InferenceExecutor(1), Hangs(limit_seconds)
    executor.submit(hangs, REQUEST)
    assert hangs.started.wait(limit_seconds)
    inner = Awaits()
    model, late, counted = offload(inner, executor)

    with pytest.raises(DeadlineExceededError, match=r"not started before the deadline.*raise executor_threads") as error:
        asyncio.run(model.ainfer(soon()))
    hangs.go.set()
    executor.close()

    assert (error.value.started, len(late), counted, inner.calls) == (False, 0, [], 0)


def test_a_cancelled_caller_leaves_a_thread_that_runs_on(executor: InferenceExecutor, limit_seconds: int) -> None:
    hangs = Hangs(limit_seconds)
    model, late, counted = offload(hangs, executor)

    end = asyncio.run(cancelled(model.ainfer(REQUEST), hangs.started, limit_seconds))

    assert isinstance(end, asyncio.CancelledError)
    assert (len(late), counted) == (1, [1])
    hangs.go.set()
    executor.close()
    assert len(late) == 0


def test_a_coroutine_of_the_backend_is_cancelled_with_its_caller(executor: InferenceExecutor, limit_seconds: int) -> None:
    hangs = Hangs(limit_seconds)
    model, late, counted = offload(hangs, executor, awaits=True)

    end = asyncio.run(cancelled(model.ainfer(REQUEST), hangs.started, limit_seconds))

    assert isinstance(end, asyncio.CancelledError)
    assert (hangs.cancelled, len(late), counted) == (1, 0, [])


def test_a_coroutine_of_the_backend_is_cancelled_at_the_deadline(executor: InferenceExecutor, limit_seconds: int) -> None:
    hangs = Hangs(limit_seconds)
    model, _, counted = offload(ErrorBoundary(hangs, "m", "b"), executor, awaits=True)

    with pytest.raises(DeadlineExceededError, match="did not answer before the deadline and was cancelled") as error:
        asyncio.run(model.ainfer(soon()))

    assert (hangs.cancelled, counted, error.value.started) == (1, [], True)


def test_a_coroutine_that_is_closed_with_its_loop_is_late_work(executor: InferenceExecutor, limit_seconds: int) -> None:
    hangs = Hangs(limit_seconds)
    model, late, counted = offload(hangs, executor)
    loop = asyncio.new_event_loop()
    coroutine = model.ainfer(REQUEST)
    loop.call_soon(loop.stop)
    task = loop.create_task(coroutine)
    loop.run_forever()
    assert hangs.started.wait(limit_seconds)

    coroutine.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    del task
    gc.collect()

    assert (len(late), counted) == (1, [1])
    hangs.go.set()


def test_opening_takes_no_thread_of_inference(limit_seconds: int) -> None:
    may_open, busy = threading.Event(), InferenceExecutor(1)
    hangs = Hangs(limit_seconds)

    def opened() -> ModelInference:
        assert may_open.wait(limit_seconds)
        return WithAinfer()

    async def main() -> list[str]:
        model = behind_lazy(opened, busy)
        waiting = [asyncio.create_task(model.ainfer(REQUEST)) for _ in range(20)]
        await asyncio.sleep(0.01)
        # The only thread is free for another model meanwhile.
        hangs.go.set()
        await asyncio.wrap_future(busy.submit(hangs, REQUEST))
        may_open.set()
        return [response.id for response in await asyncio.gather(*waiting)]

    assert asyncio.run(main()) == ["MainThread"] * 20
    busy.close()


def test_a_model_that_does_not_open_in_time_is_late_and_opens_for_the_next(
    executor: InferenceExecutor, limit_seconds: int
) -> None:
    may_open = threading.Event()

    def opened() -> ModelInference:
        assert may_open.wait(limit_seconds)
        return NamesItsThread()

    model = behind_lazy(opened, executor)
    with pytest.raises(DeadlineExceededError, match="still opening at the deadline"):
        asyncio.run(model.ainfer(soon()))
    may_open.set()

    assert asyncio.run(model.ainfer(REQUEST)).id.startswith("turnout-infer")


def test_a_model_that_cannot_be_opened_raises_what_infer_raises(executor: InferenceExecutor) -> None:
    def fails() -> ModelInference:
        raise ModelLoadError("no file")

    model = behind_lazy(fails, executor)

    for call in (lambda: model.infer(REQUEST), lambda: asyncio.run(model.ainfer(REQUEST))):
        with pytest.raises(ModelLoadError, match="no file") as error:
            call()
        assert (error.value.model, error.value.backend) == ("m", "b")


@pytest.mark.parametrize("exit_of_the_backend", [SystemExit(3), StopIteration("x"), asyncio.CancelledError()], ids=repr)
def test_an_exit_of_a_backend_in_its_thread_is_its_own_failure(exit_of_the_backend: Any, executor: InferenceExecutor) -> None:
    model, _, _ = offload(ErrorBoundary(Fails(exit_of_the_backend), "m", "b"), executor)

    with pytest.raises(InferenceError, match="model 'm' on backend 'b' failed"):
        asyncio.run(model.ainfer(REQUEST))


def test_after_close_of_the_threads_it_says_that_the_app_is_closed() -> None:
    executor = InferenceExecutor(1)
    executor.close()

    with pytest.raises(ClosedError, match="the app is closed"):
        asyncio.run(offload(PlusOne(), executor)[0].ainfer(REQUEST))


def test_late_work_of_the_parent_is_forgotten_in_a_child(executor: InferenceExecutor, limit_seconds: int) -> None:
    hangs = Hangs(limit_seconds)
    model, late, _ = offload(hangs, executor)
    with pytest.raises(DeadlineExceededError):
        asyncio.run(model.ainfer(soon()))

    late.renew()
    hangs.go.set()
    executor.close()

    assert len(late) == 0
