from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.core.middleware.batcher_kit import BAD, LIMIT_SECONDS, GatedEngine, rows_of

from turnout.batching.rules import BatchRules, batch_rules
from turnout.deadlines import deadline_after
from turnout.errors import (
    BackendUnavailableError,
    ClosedError,
    DeadlineExceededError,
    InferenceError,
    OverloadedError,
    TurnoutError,
)
from turnout.inference import InferenceRequest, InferenceResponse, ModelInference
from turnout.metrics import Metrics
from turnout.middleware.dynamic_batcher import DynamicBatcher
from turnout.plugins.batching import DynamicBatching, QueuePolicy
from turnout.testing import Fails, PlusOne

RULES = BatchRules(max_rows=8)


class Setting:
    """A batcher around an engine whose executions wait for the test."""

    def __init__(self, rules: BatchRules = RULES, engine: ModelInference | None = None, instances: int = 1) -> None:
        self.metrics = Metrics()
        self.engine = engine or GatedEngine()
        self.refused = 0
        self.batcher = DynamicBatcher(
            self.engine, ("m", "b"), rules, self.metrics.batches("m", "b"), refused=self.count, instances=instances
        )
        self.pool = ThreadPoolExecutor(64)

    def count(self) -> None:
        self.refused += 1

    def ask(self, *values: float, **parts: Any) -> Any:
        """Start a request in a thread and return its future."""
        return self.pool.submit(self.batcher.infer, InferenceRequest(rows_of(*values), **parts))

    def start_execution(self) -> threading.Event:
        """Return the gate of the execution that has begun."""
        assert isinstance(self.engine, GatedEngine)
        assert self.engine.stopped.acquire(timeout=LIMIT_SECONDS)
        return self.engine.gates[-1]

    def occupy(self) -> tuple[Any, threading.Event]:
        """Start an execution of the value 1; return its request's future and its gate."""
        first = self.ask(1)
        return first, self.start_execution()

    def wait_queued(self, count: int) -> None:
        wait_until(lambda: self.batcher._schedule.queue.waiting == count)

    def sample(self, name: str) -> float:
        value = self.metrics.registry.get_sample_value(name, {"model": "m", "backend": "b"})
        assert value is not None
        return value


def wait_until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not reached():
        assert time.monotonic() < end
        threading.Event().wait(0.001)


def first_values(response: InferenceResponse) -> list[float]:
    return [float(row[0]) for row in response["y"]]


def test_a_lone_caller_runs_at_once_in_its_own_thread() -> None:
    threads: list[threading.Thread] = []

    class Watched(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            threads.append(threading.current_thread())
            return super().infer(request)

    setting = Setting(engine=Watched())

    setting.batcher.infer(InferenceRequest(rows_of(1)))

    assert threads == [threading.current_thread()]
    assert setting.sample("turnout_batch_size_count") == 1
    assert setting.sample("turnout_queue_duration_seconds_count") == 1


def test_requests_that_arrive_during_an_execution_run_together() -> None:
    setting = Setting()
    first, gate = setting.occupy()
    others = [setting.ask(value) for value in (2, 3, 4)]
    setting.wait_queued(3)

    gate.set()
    setting.start_execution().set()

    assert first_values(first.result(LIMIT_SECONDS)) == [2]
    assert [first_values(other.result(LIMIT_SECONDS)) for other in others] == [[4], [6], [8]]
    assert sorted(map(sorted, setting.engine.executions)) == [[1], [2, 3, 4]]  # type: ignore[attr-defined]


def test_the_metrics_have_the_batches_and_the_meters_differ() -> None:
    setting = Setting()
    first = setting.ask(1, 2)
    gate = setting.start_execution()
    other, another = setting.ask(3), setting.ask(4, 5)
    setting.wait_queued(2)
    assert setting.sample("turnout_queue_depth") == 2

    gate.set()
    setting.start_execution().set()
    timings = other.result(LIMIT_SECONDS).timings
    another.result(LIMIT_SECONDS)
    first.result(LIMIT_SECONDS)

    assert setting.sample("turnout_queue_depth") == 0
    assert setting.sample("turnout_inference_rows_total") == 5
    assert setting.sample("turnout_executions_total") == 2
    assert setting.sample("turnout_execution_duration_seconds_count") == 2
    assert setting.sample("turnout_queue_duration_seconds_count") == 3
    assert setting.sample("turnout_batch_size_sum") == 5
    assert timings["queue"] > 0
    assert timings["execution"] > 0


def test_only_the_bad_request_of_a_batch_fails(caplog: pytest.LogCaptureFixture) -> None:
    setting = Setting()
    first, gate = setting.occupy()
    good, bad, fine = setting.ask(2), setting.ask(BAD), setting.ask(3)
    setting.wait_queued(3)
    setting.engine.is_open = True  # type: ignore[attr-defined]

    gate.set()

    assert first_values(good.result(LIMIT_SECONDS)) == [4]
    assert first_values(fine.result(LIMIT_SECONDS)) == [6]
    assert isinstance(bad.exception(LIMIT_SECONDS), InferenceError)
    assert first.result(LIMIT_SECONDS)
    assert "a batch of 3 requests failed, so each runs alone" in caplog.text


def test_an_outage_is_not_tried_again_for_each_request_and_each_caller_has_its_own_error() -> None:
    calls: list[int] = []
    gate = threading.Event()

    class Dies(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            calls.append(len(request.inputs["x"]))
            assert gate.wait(LIMIT_SECONDS)
            raise BackendUnavailableError("gone")

    setting = Setting(engine=Dies())
    first = setting.ask(1)
    wait_until(lambda: bool(calls))
    others = [setting.ask(2), setting.ask(3)]
    setting.wait_queued(2)

    gate.set()

    errors = [asked.exception(LIMIT_SECONDS) for asked in (first, *others)]
    assert all(isinstance(error, BackendUnavailableError) for error in errors)
    assert len({id(error) for error in errors}) == 3
    assert calls == [1, 2]


@pytest.mark.parametrize("name", ["shape", "datatype", "name", "parameters", "bool parameter"])
def test_requests_of_different_groups_do_not_share_a_batch(name: str) -> None:
    two = np.ones((1, 2), np.float32)
    pairs: dict[str, tuple[InferenceRequest, InferenceRequest]] = {
        "shape": (InferenceRequest({"x": two}), InferenceRequest({"x": np.ones((1, 3), np.float32)})),
        "datatype": (InferenceRequest({"x": two}), InferenceRequest({"x": two.astype(np.float64)})),
        "name": (InferenceRequest({"x": two}), InferenceRequest({"x": two, "z": two})),
        "parameters": (InferenceRequest({"x": two}, parameters={"a": 1}), InferenceRequest({"x": two}, parameters={"a": 2})),
        "bool parameter": (
            InferenceRequest({"x": two}, parameters={"a": 1}),
            InferenceRequest({"x": two}, parameters={"a": True}),
        ),
    }
    setting = Setting()
    first, gate = setting.occupy()
    asked = [setting.pool.submit(setting.batcher.infer, request) for request in pairs[name]]
    setting.wait_queued(2)
    setting.engine.is_open = True  # type: ignore[attr-defined]

    gate.set()

    assert [one.result(LIMIT_SECONDS)["y"].shape for one in asked] == [request.inputs["x"].shape for request in pairs[name]]
    assert first.result(LIMIT_SECONDS)
    assert len(setting.engine.executions) == 3  # type: ignore[attr-defined]


def test_inputs_in_another_order_and_a_priority_share_a_batch() -> None:
    x = np.ones((1, 2), np.float32)
    setting = Setting()
    first, gate = setting.occupy()
    one = setting.pool.submit(setting.batcher.infer, InferenceRequest({"x": x, "z": x}, parameters={"priority": 1}))
    other = setting.pool.submit(setting.batcher.infer, InferenceRequest({"z": x, "x": x}, parameters={"timeout": 10**9}))
    setting.wait_queued(2)
    setting.engine.is_open = True  # type: ignore[attr-defined]

    gate.set()

    assert one.result(LIMIT_SECONDS)
    assert other.result(LIMIT_SECONDS)
    assert first.result(LIMIT_SECONDS)
    assert len(setting.engine.executions) == 2  # type: ignore[attr-defined]


def test_a_response_is_writable_and_does_not_keep_its_neighbours() -> None:
    setting = Setting()
    first, gate = setting.occupy()
    one, other = setting.ask(2, id="two"), setting.ask(3)
    setting.wait_queued(2)
    setting.engine.is_open = True  # type: ignore[attr-defined]
    gate.set()
    mine, theirs = one.result(LIMIT_SECONDS), other.result(LIMIT_SECONDS)

    mine["y"][:] = 0

    assert first_values(theirs) == [6]
    assert mine["y"].base is None
    assert mine.id == "two"
    assert first.result(LIMIT_SECONDS)


def test_an_output_without_rows_makes_each_request_run_alone(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()

    class Mean(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            assert gate.wait(LIMIT_SECONDS)
            return InferenceResponse({"y": request.inputs["x"].mean(axis=0)[:1]})

    setting = Setting(engine=Mean())
    asked = [setting.ask(value) for value in (1, 2, 3)]
    setting.wait_queued(2)

    gate.set()

    assert sorted(float(one.result(LIMIT_SECONDS)["y"][0]) for one in asked) == [1, 2, 3]
    assert "remove dynamic_batching from this model" in caplog.text


def test_a_request_leaves_the_queue_at_its_deadline() -> None:
    setting = Setting()
    first, gate = setting.occupy()

    late = setting.ask(2, deadline=deadline_after(0.05))

    assert "never started" in str(late.exception(LIMIT_SECONDS))
    assert isinstance(late.exception(), DeadlineExceededError)
    gate.set()
    assert first.result(LIMIT_SECONDS)
    assert setting.engine.executions == [[1]]  # type: ignore[attr-defined]


def test_a_follower_leaves_a_running_batch_at_its_deadline() -> None:
    setting = Setting()
    first, gate = setting.occupy()
    patient = setting.ask(2)
    setting.wait_queued(1)
    hasty = setting.ask(3, deadline=deadline_after(0.3))
    setting.wait_queued(2)
    gate.set()
    second = setting.start_execution()

    assert "still running at its deadline" in str(hasty.exception(LIMIT_SECONDS))

    second.set()
    assert first_values(patient.result(LIMIT_SECONDS)) == [4]
    assert first.result(LIMIT_SECONDS)


def test_a_full_queue_refuses_at_once_and_counts() -> None:
    rules = batch_rules(DynamicBatching(default_queue_policy=QueuePolicy(max_queue_size=1)), 4)
    setting = Setting(rules)
    first, gate = setting.occupy()
    second = setting.ask(2)
    setting.wait_queued(1)

    with pytest.raises(OverloadedError, match="max_queue_size") as caught:
        setting.batcher.infer(InferenceRequest(rows_of(3)))

    assert (caught.value.model, caught.value.backend) == ("m", "b")
    assert setting.refused == 1
    setting.engine.is_open = True  # type: ignore[attr-defined]
    gate.set()
    assert first.result(LIMIT_SECONDS)
    assert second.result(LIMIT_SECONDS)


def test_a_queue_policy_refuses_who_has_waited_too_long() -> None:
    policy = QueuePolicy(default_timeout_microseconds=30_000)
    setting = Setting(batch_rules(DynamicBatching(default_queue_policy=policy), 4))
    first, gate = setting.occupy()

    second = setting.ask(2)

    assert "default_timeout_microseconds" in str(second.exception(LIMIT_SECONDS))
    gate.set()
    assert first.result(LIMIT_SECONDS)


def test_close_fails_who_waits_and_lets_who_runs_end() -> None:
    setting = Setting()
    first, gate = setting.occupy()
    second = setting.ask(2)
    setting.wait_queued(1)

    setting.batcher.close()

    assert isinstance(second.exception(LIMIT_SECONDS), ClosedError)
    gate.set()
    assert first_values(first.result(LIMIT_SECONDS)) == [2]
    with pytest.raises(ClosedError):
        asyncio.run(setting.batcher.ainfer(InferenceRequest(rows_of(3))))


def test_two_instances_run_two_batches_at_a_time() -> None:
    setting = Setting(instances=2)
    one = setting.ask(1)
    first = setting.start_execution()
    two = setting.ask(2)
    second = setting.start_execution()
    three = setting.ask(3)
    setting.wait_queued(1)

    second.set()
    setting.start_execution().set()

    assert first_values(two.result(LIMIT_SECONDS)) == [4]
    assert first_values(three.result(LIMIT_SECONDS)) == [6]
    assert not one.done()
    first.set()
    assert first_values(one.result(LIMIT_SECONDS)) == [2]


def test_responses_leave_in_the_order_of_their_requests() -> None:
    setting = Setting(BatchRules(max_rows=1, preserve_ordering=True), instances=2)
    one = setting.ask(1)
    first = setting.start_execution()
    two = setting.ask(2)
    second = setting.start_execution()

    second.set()
    wait_until(lambda: bool(setting.batcher._schedule._finished))

    assert not two.done()
    first.set()
    assert first_values(one.result(LIMIT_SECONDS)) == [2]
    assert first_values(two.result(LIMIT_SECONDS)) == [4]


def test_a_delay_waits_for_a_preferred_batch_size() -> None:
    batching = DynamicBatching(preferred_batch_size=(3,), max_queue_delay_microseconds=20_000_000)
    engine = GatedEngine()
    engine.is_open = True
    setting = Setting(batch_rules(batching, 4), engine)

    asked = [setting.ask(value) for value in (1, 2, 3)]

    assert all(one.result(LIMIT_SECONDS) for one in asked)
    assert [len(rows) for rows in engine.executions] == [3]


def test_a_delay_ends_and_a_lone_request_runs() -> None:
    engine = GatedEngine()
    engine.is_open = True
    setting = Setting(batch_rules(DynamicBatching(max_queue_delay_microseconds=50_000), 4), engine)

    started = time.monotonic()
    setting.batcher.infer(InferenceRequest(rows_of(1)))

    assert time.monotonic() - started >= 0.05


def test_coroutines_of_several_loops_and_threads_share_a_batcher() -> None:
    engine = GatedEngine()
    engine.is_open = True
    setting = Setting(engine=engine)

    async def ask_many(first: int) -> None:
        responses = await asyncio.gather(
            *[setting.batcher.ainfer(InferenceRequest(rows_of(first + value))) for value in range(50)]
        )
        assert [first_values(response) for response in responses] == [[2 * (first + value)] for value in range(50)]

    def run_loop(first: int) -> None:
        asyncio.run(ask_many(first))
        asyncio.run(ask_many(first))

    loops = [setting.pool.submit(run_loop, first) for first in (1000, 2000, 3000)]
    threads = [setting.ask(value) for value in range(200)]

    assert [first_values(one.result(LIMIT_SECONDS)) for one in threads] == [[2 * value] for value in range(200)]
    assert [one.result(LIMIT_SECONDS) for one in loops] == [None] * 3


def test_a_thousand_coroutines_need_one_thread() -> None:
    engine = GatedEngine()
    engine.is_open = True
    setting = Setting(BatchRules(max_rows=64), engine)
    before = threading.active_count()

    async def ask_many() -> int:
        asked = [asyncio.ensure_future(setting.batcher.ainfer(InferenceRequest(rows_of(value)))) for value in range(1000)]
        await asyncio.sleep(0)
        most = threading.active_count()
        responses = await asyncio.gather(*asked)
        assert [first_values(response) for response in responses] == [[2 * value] for value in range(1000)]
        return most

    assert asyncio.run(ask_many()) <= before + 1


def test_a_cancelled_coroutine_leaves_no_trace() -> None:
    setting = Setting()
    first, gate = setting.occupy()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(setting.batcher.ainfer(InferenceRequest(rows_of(2))), 0.05)

    asyncio.run(give_up())

    assert setting.batcher._schedule.queue.waiting == 0
    gate.set()
    assert first.result(LIMIT_SECONDS)
    assert setting.engine.executions == [[1]]  # type: ignore[attr-defined]


def test_an_interrupted_leader_loses_no_request_of_others() -> None:
    """Ctrl-C in the main thread, which runs a batch for others too."""
    setting = Setting()
    first, gate = setting.occupy()
    interrupted = threading.Event()

    def interrupt() -> None:
        setting.wait_queued(1)
        gate.set()
        setting.start_execution()
        interrupted.set()
        other.append(setting.ask(3))
        setting.wait_queued(1)
        setting.engine.is_open = True  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGINT)

    other: list[Any] = []
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    watcher = threading.Thread(target=interrupt)
    watcher.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            setting.batcher.infer(InferenceRequest(rows_of(2)))
    finally:
        signal.signal(signal.SIGINT, previous)
    watcher.join(LIMIT_SECONDS)

    assert first_values(other[0].result(LIMIT_SECONDS)) == [6]
    assert first.result(LIMIT_SECONDS)
    assert first_values(setting.batcher.infer(InferenceRequest(rows_of(4)))) == [8]


def test_many_threads_get_their_own_rows_while_others_fail() -> None:
    class Flaky(PlusOne):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            if (request.inputs["x"] == BAD).any():
                raise InferenceError("a row is bad")
            return InferenceResponse({"y": request.inputs["x"] + 1})

    setting = Setting(engine=Flaky())

    def ask_often(caller: int) -> int:
        wrong = 0
        for turn in range(100):
            value = BAD if (caller + turn) % 7 == 0 else float(caller * 1000 + turn)
            try:
                wrong += first_values(setting.batcher.infer(InferenceRequest(rows_of(value)))) != [value + 1]
            except TurnoutError:
                wrong += value != BAD
        return wrong

    assert list(setting.pool.map(ask_often, range(32))) == [0] * 32
    assert setting.batcher._schedule.queue.waiting == 0
    assert len(setting.batcher._schedule.idle) == 1


def test_a_leader_of_a_slow_model_returns_before_the_next_batch_has_run() -> None:
    setting = Setting(BatchRules(max_rows=1))
    first, gate = setting.occupy()
    second = setting.ask(2)
    setting.wait_queued(1)
    third = setting.ask(3)
    setting.wait_queued(2)
    gate.set()
    gate = setting.start_execution()
    threading.Event().wait(0.01)

    gate.set()
    last = setting.start_execution()

    assert first_values(second.result(LIMIT_SECONDS)) == [4]
    assert not third.done()
    last.set()
    assert third.result(LIMIT_SECONDS)
    assert first.result(LIMIT_SECONDS)


@pytest.mark.parametrize("callers", [3, 16])
def test_no_caller_is_lost_among_many_that_come_and_go(callers: int) -> None:
    """Callers wake each other; each must go on, whatever happens to those before it."""

    class Brief(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            time.sleep(0.0003)
            return InferenceResponse({"y": request.inputs["x"] * 2})

    setting = Setting(engine=Brief())

    def ask_often(caller: int) -> int:
        late = 0
        for turn in range(300):
            value = float(caller * 1000 + turn)
            deadline = deadline_after(0.0004 * (1 + turn % 5)) if (caller + turn) % 3 == 0 else deadline_after(LIMIT_SECONDS)
            try:
                assert first_values(setting.batcher.infer(InferenceRequest(rows_of(value), deadline))) == [2 * value]
            except DeadlineExceededError:
                assert (caller + turn) % 3 == 0
                late += 1
        return late

    asked = [setting.pool.submit(ask_often, caller) for caller in range(callers)]

    assert all(one.result(6 * LIMIT_SECONDS) >= 0 for one in asked)
    assert setting.batcher._schedule.queue.waiting == 0
    assert len(setting.batcher._schedule.idle) == 1


def test_a_failing_lone_request_raises_and_the_next_is_answered() -> None:
    setting = Setting(engine=Fails(InferenceError("broken")))

    with pytest.raises(InferenceError):
        setting.batcher.infer(InferenceRequest(rows_of(1)))
    with pytest.raises(InferenceError):
        asyncio.run(setting.batcher.ainfer(InferenceRequest(rows_of(1))))

    assert len(setting.batcher._schedule.idle) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_starts_with_an_empty_queue() -> None:
    setting = Setting()
    first, gate = setting.occupy()
    second = setting.ask(2)
    setting.wait_queued(1)

    child = os.fork()
    if child == 0:
        setting.engine.is_open = True  # type: ignore[attr-defined]
        response = setting.batcher.infer(InferenceRequest(rows_of(5)))
        os._exit(0 if first_values(response) == [10] else 1)

    assert os.waitpid(child, 0)[1] == 0
    setting.engine.is_open = True  # type: ignore[attr-defined]
    gate.set()
    assert first.result(LIMIT_SECONDS)
    assert second.result(LIMIT_SECONDS)
