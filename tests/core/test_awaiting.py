"""Waiting in an event loop for work in threads: deadlines, cancellation, closed loops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from turnout.awaiting import ThreadEach, is_being_cancelled, is_done_by, run_in
from turnout.serving.executor import InferenceExecutor


def soon() -> float:
    return time.monotonic() + 0.02


class Work:
    """Blocks until ``go`` is set; returns the name of its thread."""

    def __init__(self, limit_seconds: int) -> None:
        self.started, self.go = threading.Event(), threading.Event()
        self._limit_seconds = limit_seconds

    def __call__(self) -> str:
        self.started.set()
        assert self.go.wait(self._limit_seconds)
        return threading.current_thread().name


@pytest.fixture
def work(limit_seconds: int) -> Work:
    return Work(limit_seconds)


def test_work_runs_in_a_thread_of_the_executor(executor: InferenceExecutor) -> None:
    name = asyncio.run(run_in(executor, lambda: threading.current_thread().name))

    assert name.startswith("turnout-infer")


def test_the_error_of_the_work_is_raised(executor: InferenceExecutor) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_in(executor, lambda: 1 // 0))


def test_without_threads_of_an_app_each_work_has_its_own(work: Work) -> None:
    work.go.set()

    assert asyncio.run(run_in(ThreadEach(), work)) == "turnout-work"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run_in(ThreadEach(), lambda: 1 // 0))


def test_a_deadline_ends_the_wait_and_the_late_result_is_discarded(
    executor: InferenceExecutor, work: Work, limit_seconds: int
) -> None:
    discarded: Future[str] = Future()

    with pytest.raises(TimeoutError):
        asyncio.run(run_in(executor, work, soon(), discarded.set_result))
    work.go.set()

    assert discarded.result(limit_seconds).startswith("turnout-infer")


def test_a_late_error_is_not_discarded_as_a_result(executor: InferenceExecutor, work: Work) -> None:
    results: list[object] = []

    def fail() -> str:
        work()
        raise ZeroDivisionError

    with pytest.raises(TimeoutError):
        asyncio.run(run_in(executor, fail, soon(), results.append))
    work.go.set()
    executor.close()

    assert results == []


def test_work_that_no_thread_has_started_never_starts(work: Work, limit_seconds: int) -> None:
    executor, ran = InferenceExecutor(1), []
    executor.call(work)
    assert work.started.wait(limit_seconds)

    with pytest.raises(TimeoutError):
        asyncio.run(run_in(executor, lambda: ran.append(1), soon()))
    work.go.set()
    executor.close()

    assert ran == []


def test_a_cancelled_wait_leaves_the_work_to_the_others_who_wait(work: Work, executor: InferenceExecutor) -> None:
    async def main() -> str:
        future = executor.call(work)
        first, second = (asyncio.create_task(is_done_by(None, future)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        work.go.set()
        assert await second
        return future.result()

    assert asyncio.run(main()).startswith("turnout-infer")


def test_work_that_ends_after_its_loop_was_closed_says_nothing(
    work: Work, caplog: pytest.LogCaptureFixture, executor: InferenceExecutor
) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(run_in(executor, work, soon()))

    work.go.set()
    executor.close()

    assert caplog.records == []


@pytest.mark.parametrize("cancel", [False, True])
def test_only_a_task_that_somebody_cancels_is_being_cancelled(cancel: bool) -> None:
    async def ask() -> bool:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return is_being_cancelled()
        return False

    async def main() -> bool:
        if not cancel:
            return is_being_cancelled()
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(main()) is cancel


def test_without_an_event_loop_nothing_is_being_cancelled() -> None:
    answer: Callable[[], bool] = is_being_cancelled

    assert answer() is False
