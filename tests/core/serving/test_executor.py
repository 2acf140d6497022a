"""The threads that run inference."""

from __future__ import annotations

import ctypes
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference
from turnout.errors import ClosedError
from turnout.forking import Forks
from turnout.metrics import Metrics
from turnout.metrics.labels import Pool
from turnout.serving.executor import AppThreads, InferenceExecutor
from turnout.testing import PlusOne

REQUEST = InferenceRequest({}, id="r")


class Thread(ModelInference):
    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({}, threading.current_thread().name)


def test_a_model_answers_in_a_thread_with_a_name(executor: InferenceExecutor, limit_seconds: int) -> None:
    assert executor.submit(Thread(), REQUEST).result(limit_seconds).id.startswith("turnout-infer")


def test_no_thread_starts_before_the_first_request() -> None:
    before = threading.active_count()

    executor = InferenceExecutor(4)

    assert threading.active_count() == before
    executor.close()


def test_closing_waits_for_what_runs_and_refuses_what_is_queued(gate: Any, limit_seconds: int) -> None:
    executor = InferenceExecutor(1)
    running, queued = executor.submit(gate, REQUEST), executor.submit(gate, REQUEST)
    assert gate.started.wait(limit_seconds)

    with ThreadPoolExecutor(1) as threads:
        closing = threads.submit(executor.close)
        while not executor._closed:
            threading.Event().wait(0.001)
        gate.opened.set()
        closing.result(limit_seconds)

    assert running.result(0).id == "r"
    assert isinstance(queued.exception(0), ClosedError)
    assert gate.calls == 1


def test_a_request_that_keeps_an_app_open_is_named(
    gate: Any, limit_seconds: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("turnout.serving.executor._PATIENCE_SECONDS", 0.01)
    executor = InferenceExecutor(2)
    executor.submit(PlusOne(), REQUEST).exception(limit_seconds)
    running = executor.submit(gate, REQUEST)
    assert gate.started.wait(limit_seconds)

    with ThreadPoolExecutor(1) as threads:
        closing = threads.submit(executor.close)
        while not caplog.messages:
            threading.Event().wait(0.001)
        gate.opened.set()
        closing.result(limit_seconds)

    assert running.result(0).id == "r"
    assert caplog.messages == [
        "the app is closing and waits for requests that still run (1, of: 'Gate'); a request that never ends keeps it open"
    ]


def test_an_app_without_running_requests_closes_without_a_word(executor: InferenceExecutor, caplog: Any) -> None:
    executor.submit(Thread(), REQUEST).result()

    executor.close()

    assert caplog.messages == []


def test_after_close_work_is_refused_and_closing_again_is_allowed() -> None:
    executor = InferenceExecutor(1)

    executor.close()
    executor.close()

    with pytest.raises(ClosedError, match=r"the app is closed; open it again with turnout\.open"):
        executor.submit(PlusOne(), REQUEST)


def test_closing_leaves_no_thread(limit_seconds: int) -> None:
    executor = InferenceExecutor(2)
    executor.submit(PlusOne(), REQUEST).result(limit_seconds)

    executor.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("turnout-infer")]


def test_a_forked_child_gets_threads_of_its_own(executor: InferenceExecutor, limit_seconds: int) -> None:
    executor.submit(PlusOne(), REQUEST).result(limit_seconds)
    read, write = os.pipe()

    child = os.fork()
    if child == 0:
        answer = executor.submit(PlusOne(), REQUEST).result(limit_seconds)
        executor.close()
        os.write(write, answer.id.encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert (status, os.read(read, 10)) == (0, b"r")
    assert executor.submit(PlusOne(), REQUEST).result(limit_seconds).id == "r"
    os.close(read)
    os.close(write)


def test_a_forked_child_may_close_what_its_parent_used(executor: InferenceExecutor, limit_seconds: int) -> None:
    executor.submit(PlusOne(), REQUEST).result(limit_seconds)

    child = os.fork()
    if child == 0:
        executor.close()
        os._exit(0)

    assert os.waitpid(child, 0)[1] == 0


class NoticesForks(ModelInference):
    """Notices a fork in its own call, as each model of an app does; ``thread`` is that of the last call."""

    thread: threading.Thread

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        Forks.notice()
        self.thread = threading.current_thread()
        return InferenceResponse({}, request.id)


def test_a_child_of_c_code_which_calls_no_hook_closes_its_own_threads(limit_seconds: int) -> None:
    executor, model = InferenceExecutor(2), NoticesForks()
    executor.submit(model, REQUEST).result(limit_seconds)

    child = ctypes.PyDLL(None).fork()
    if child == 0:
        code = 1
        try:
            answered = executor.submit(model, REQUEST).result(limit_seconds).id == "r"
            executor.close()
            code = 0 if answered and not model.thread.is_alive() else 2
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    executor.close()


def test_closing_between_the_choice_of_a_pool_and_the_submit_is_a_closed_error(
    executor: InferenceExecutor, monkeypatch: pytest.MonkeyPatch, limit_seconds: int
) -> None:
    submitting, closed = threading.Event(), threading.Event()

    class Slowly(ThreadPoolExecutor):
        def submit(self, *args: Any, **keywords: Any) -> Any:
            submitting.set()
            closed.wait(0.2)
            return super().submit(*args, **keywords)

    def close() -> None:
        assert submitting.wait(limit_seconds)
        executor.close()
        closed.set()

    monkeypatch.setattr("turnout.serving.executor.ThreadPoolExecutor", Slowly)
    closing = threading.Thread(target=close)
    closing.start()
    try:
        future = executor.submit(PlusOne(), REQUEST)
        assert isinstance(future.exception(limit_seconds), ClosedError | None)
    finally:
        closing.join(limit_seconds)


def test_the_kinds_of_work_of_an_app_do_not_wait_for_each_other(gate: Any, limit_seconds: int) -> None:
    threads = AppThreads(1, Metrics())
    hanging = threads.inference.submit(gate, REQUEST)
    assert gate.started.wait(limit_seconds)

    names = [
        kind.call(lambda: threading.current_thread().name).result(limit_seconds) for kind in (threads.steps, threads.checks)
    ]

    assert [name.rpartition("_")[0] for name in names] == ["turnout-step", "turnout-check"]
    gate.opened.set()
    assert hanging.result(limit_seconds).id == "r"
    threads.close()
    for kind in (threads.inference, threads.steps, threads.checks):
        with pytest.raises(ClosedError):
            kind.call(list)


def _depths(metrics: Metrics) -> dict[str, float | None]:
    return {str(pool): metrics.registry.get_sample_value("turnout_executor_queue_depth", {"pool": pool}) for pool in Pool}


def test_the_depth_of_a_queue_is_the_work_that_no_thread_has_started(gate: Any, limit_seconds: int) -> None:
    metrics = Metrics()
    threads = AppThreads(1, metrics)
    before = _depths(metrics)
    running = threads.inference.submit(gate, REQUEST)
    assert gate.started.wait(limit_seconds)
    queued = [threads.inference.submit(gate, REQUEST) for _ in range(3)]

    waiting = _depths(metrics)
    queued[0].cancel()
    cancelled = _depths(metrics)
    gate.opened.set()
    for future in (running, *queued[1:]):
        future.result(limit_seconds)

    assert before == {"inference": 0, "steps": 0, "checks": 0}
    assert (waiting, cancelled) == (before | {"inference": 3}, before | {"inference": 2})
    assert _depths(metrics) == before
    threads.close()


def test_nothing_waits_in_a_closed_queue(gate: Any, limit_seconds: int) -> None:
    metrics = Metrics()
    threads = AppThreads(1, metrics)
    threads.steps.submit(gate, REQUEST)
    queued = threads.steps.submit(gate, REQUEST)
    assert gate.started.wait(limit_seconds)

    with ThreadPoolExecutor(1) as closer:
        closing = closer.submit(threads.close)
        while not threads.steps._closed:
            threading.Event().wait(0.001)
        gate.opened.set()
        closing.result(limit_seconds)

    assert isinstance(queued.exception(0), ClosedError)
    with pytest.raises(ClosedError):
        threads.steps.call(list)
    assert _depths(metrics)["steps"] == 0


def test_work_that_cannot_be_started_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    metrics = Metrics()
    threads = AppThreads(1, metrics)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", fail)

    with pytest.raises(RuntimeError, match="can't start new thread"):
        threads.checks.call(list)

    assert _depths(metrics)["checks"] == 0
    threads.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_no_work_of_its_parent_waiting(gate: Any, limit_seconds: int) -> None:
    metrics = Metrics()
    threads = AppThreads(1, metrics)
    threads.inference.submit(gate, REQUEST)
    assert gate.started.wait(limit_seconds)
    queued = threads.inference.submit(gate, REQUEST)

    child = os.fork()
    if child == 0:
        empty = _depths(metrics)["inference"] == 0
        queued.cancel()
        os._exit(0 if empty and _depths(metrics)["inference"] == 0 else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert _depths(metrics)["inference"] == 1
    gate.opened.set()
    threads.close()
