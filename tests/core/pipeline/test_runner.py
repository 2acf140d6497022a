"""Runs of pipelines: parallel, in order, until the deadline, from any event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.middleware.async_kit import offload

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineContext, PipelineStep
from turnout.errors import (
    ClosedError,
    DeadlineExceededError,
    InferenceError,
    InvalidInputError,
    InvalidTensorError,
    PipelineError,
    StepError,
    TurnoutError,
)
from turnout.pipeline import Pipeline, plan_pipeline
from turnout.serving.deployment import Deployment
from turnout.serving.executor import InferenceExecutor
from turnout.serving.model import Model
from turnout.testing import Fails, PlusOne, Unavailable

Make = Callable[..., Pipeline]
Run = Callable[..., Any]


def _run(pipeline: Pipeline, inputs: dict[str, Any], **limits: float) -> Any:
    return pipeline.run(inputs, **limits)


def _arun(pipeline: Pipeline, inputs: dict[str, Any], **limits: float) -> Any:
    return asyncio.run(pipeline.arun(inputs, **limits))


@pytest.fixture(params=[_run, _arun], ids=["run", "arun"])
def run(request: pytest.FixtureRequest) -> Run:
    """Return what runs a pipeline: its sync door, then its async door."""
    door: Run = request.param
    return door


class FailsOn(ModelInference):
    """Fails on the requests of these ids and answers the others."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if request.id in self._ids:
            raise InferenceError(f"request {request.id} failed")
        return InferenceResponse(dict(request.inputs), request.id)


class LastFirst(ModelInference):
    """Answers ``count`` requests in the reverse order of their ids."""

    def __init__(self, count: int) -> None:
        self._events = [threading.Event() for _ in range(count + 1)]
        self._events[count].set()

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        number = int(request.id)
        assert self._events[number + 1].wait(20)
        self._events[number].set()
        return InferenceResponse(dict(request.inputs), request.id)


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_a_step_may_send_no_request_one_or_many(count: int, make_pipeline: Make, asks: Any, run: Run) -> None:
    pipeline = make_pipeline({"ask": asks("m", count)}, {"m": PlusOne()})

    assert run(pipeline, {})["answers"] == [index + 1.0 for index in range(count)]


def test_all_requests_of_a_step_run_at_the_same_time(make_pipeline: Make, asks: Any, meeting: Any, run: Run) -> None:
    pipeline = make_pipeline({"ask": asks("m", 8)}, {"m": meeting(8)})

    assert run(pipeline, {})["answers"] == list(range(8))


def test_steps_that_do_not_depend_on_each_other_overlap(make_pipeline: Make, asks: Any, meeting: Any, run: Run) -> None:
    model = meeting(2)
    steps = {"left": asks("m", 1, "left_answers"), "right": asks("other", 1, "right_answers")}

    result = run(make_pipeline(steps, {"m": model, "other": model}), {})

    assert (result["left_answers"], result["right_answers"]) == ([0.0], [0.0])


def test_a_step_that_needs_another_does_not_overlap_it(make_pipeline: Make, asks: Any, meeting: Any, run: Run) -> None:
    model = meeting(2)
    model.barrier = threading.Barrier(2, timeout=0.2)
    steps = {"left": asks("m", 1, "left_answers"), "right": asks("m", 1, "right_answers", needs=("left_answers",))}

    with pytest.raises(threading.BrokenBarrierError):
        run(make_pipeline(steps, {"m": model}), {})


def test_answers_come_in_the_order_of_the_requests(make_pipeline: Make, asks: Any, run: Run) -> None:
    pipeline = make_pipeline({"ask": asks("m", 6)}, {"m": LastFirst(6)})

    assert run(pipeline, {})["answers"] == list(range(6))


def test_a_failing_request_leaves_the_others_answered(make_pipeline: Make, asks: Any, run: Run) -> None:
    pipeline = make_pipeline({"ask": asks("m", 4)}, {"m": FailsOn("1", "3")})

    result = run(pipeline, {})

    assert result["answers"] == [0.0, "request '1': request 1 failed", 2.0, "request '3': request 3 failed"]
    assert sorted(map(str, result.failures)) == ["ask [1]: request 1 failed", "ask [3]: request 3 failed"]


def test_a_plain_step_runs_without_a_model(make_pipeline: Make, run: Run) -> None:
    class Double(PipelineStep):
        inputs = ("x",)
        provides = ("y",)

        def process(self, context: PipelineContext) -> None:
            context["y"] = 2 * context["x"]

    result = run(make_pipeline({"double": Double()}), {"x": 21})

    assert dict(result) == {"x": 21, "y": 42}


def test_a_foreign_exception_in_a_step_ends_the_run_as_step_error(make_pipeline: Make, run: Run) -> None:
    class Broken(PipelineStep):
        def process(self, context: PipelineContext) -> None:
            raise KeyError("lost")

    with pytest.raises(StepError, match="step 'broken' failed in process: KeyError: 'lost'; fix the step"):
        run(make_pipeline({"broken": Broken()}), {})


def test_an_undeclared_read_or_write_ends_the_run(make_pipeline: Make, run: Run) -> None:
    class Sneaks(PipelineStep):
        def process(self, context: PipelineContext) -> None:
            context["x"] = context.get("x", 0)

    with pytest.raises(PipelineError, match="step 'sneaks' reads 'x', which it does not declare"):
        run(make_pipeline({"sneaks": Sneaks()}), {})


def test_missing_inputs_are_refused_before_anything_runs(make_pipeline: Make, asks: Any, gate: Any, run: Run) -> None:
    pipeline = make_pipeline({"ask": asks("m", 1, inputs=("path",))}, {"m": gate})

    with pytest.raises(PipelineError, match="pipeline 'p' needs 'path', got: nothing"):
        run(pipeline, {})

    assert gate.calls == 0


def test_a_foreign_exception_of_a_model_without_error_boundary_ends_the_run(make_pipeline: Make, asks: Any, run: Run) -> None:
    with pytest.raises(ZeroDivisionError):
        run(make_pipeline({"ask": asks("m", 3)}, {"m": Fails(ZeroDivisionError())}), {})


def test_a_hanging_model_ends_the_run_at_its_deadline(make_pipeline: Make, asks: Any, gate: Any, run: Run) -> None:
    pipeline = make_pipeline({"ask": asks("m", 2)}, {"m": gate})
    start = time.monotonic()

    with pytest.raises(DeadlineExceededError, match="pipeline 'p' did not end before its deadline"):
        run(pipeline, {}, timeout_seconds=0.1)

    assert 0.1 <= time.monotonic() - start < 5


class Slow(PipelineStep):
    """Works on its own, longer than the run may."""

    provides = ("slow",)

    def process(self, context: PipelineContext) -> None:
        time.sleep(0.15)
        context["slow"] = True


def test_the_work_of_the_last_step_counts_for_the_deadline(make_pipeline: Make, run: Run) -> None:
    pipeline = make_pipeline({"slow": Slow()}, {})

    with pytest.raises(DeadlineExceededError, match="pipeline 'p' did not end before its deadline"):
        run(pipeline, {}, timeout_seconds=0.1)

    assert run(pipeline, {}, timeout_seconds=20)["slow"]


def test_no_further_step_starts_after_the_deadline(make_pipeline: Make, run: Run) -> None:
    started: list[str] = []

    class Next(PipelineStep):
        def process(self, context: PipelineContext) -> None:
            started.append("next")

    with pytest.raises(DeadlineExceededError):
        run(make_pipeline({"slow": Slow(), "next": Next()}, {}), {}, timeout_seconds=0.1)

    assert started == []


def test_a_run_past_its_deadline_calls_no_model(make_pipeline: Make, asks: Any, gate: Any, run: Run) -> None:
    with pytest.raises(DeadlineExceededError):
        run(make_pipeline({"ask": asks("m", 2)}, {"m": gate}), {}, timeout_seconds=0)

    assert gate.calls == 0


@pytest.mark.clock
def test_the_deadline_withdraws_requests_that_no_thread_has_started(asks: Any, gate: Any, observed: Any, run: Run) -> None:
    executor = InferenceExecutor(1)
    model = Model("m", "test", lambda: Deployment(offload(gate, executor)[0]), executor)
    plan = plan_pipeline("p", {"ask": asks("m", 5)})
    pipeline = Pipeline("p", plan, {"m": model}, submit=executor.submit, observer=observed)

    with pytest.raises(DeadlineExceededError):
        run(pipeline, {}, timeout_seconds=0.2)
    gate.opened.set()
    executor.close()

    assert gate.calls == 1


def test_arun_leaves_no_task_behind_at_its_deadline(asks: Any, gate: Any, make_pipeline: Make) -> None:
    pipeline = make_pipeline({"ask": asks("m", 3)}, {"m": gate})

    async def main() -> int:
        with pytest.raises(DeadlineExceededError):
            await pipeline.arun({}, timeout_seconds=0.1)
        gate.opened.set()
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1


def test_arun_leaves_no_exception_unread(make_pipeline: Make, asks: Any, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = make_pipeline({"ask": asks("m", 6)}, {"m": Fails(ZeroDivisionError())})

    with pytest.raises(ZeroDivisionError):
        asyncio.run(pipeline.arun({}))

    assert caplog.records == []


def test_cancelling_arun_ends_it(make_pipeline: Make, asks: Any, gate: Any, observed: Any) -> None:
    pipeline = make_pipeline({"ask": asks("m", 2)}, {"m": gate})

    async def main() -> int:
        task = asyncio.create_task(pipeline.arun({}))
        await asyncio.to_thread(gate.started.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.opened.set()
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1
    assert observed.failures == []


def test_closing_the_executor_ends_the_run_with_closed_error(run: Run, asks: Any, gate: Any, observed: Any) -> None:
    executor = InferenceExecutor(1)
    model = Model("m", "test", lambda: Deployment(offload(gate, executor)[0]), executor)
    plan = plan_pipeline("p", {"ask": asks("m", 3)})
    pipeline = Pipeline("p", plan, {"m": model}, submit=executor.submit, observer=observed)

    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(run, pipeline, {})
        assert gate.started.wait(20)
        closing = threads.submit(executor.close)
        _wait_until_closed(executor)
        gate.opened.set()
        closing.result(20)
        error = running.exception(20)

    assert isinstance(error, ClosedError)
    assert gate.calls == 1
    assert set(observed.failures) == {("ask", "closed")}


def _wait_until_closed(executor: InferenceExecutor) -> None:
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        try:
            executor.submit(PlusOne(), InferenceRequest({})).cancel()
        except ClosedError:
            return
        threading.Event().wait(0.005)
    raise AssertionError("the executor was not closed")


def test_arun_works_in_one_event_loop_after_another(make_pipeline: Make, asks: Any) -> None:
    pipeline = make_pipeline({"ask": asks("m", 3)}, {"m": PlusOne()})

    results = [asyncio.run(pipeline.arun({}))["answers"] for _ in range(2)]

    assert results == [[1.0, 2.0, 3.0]] * 2


def test_arun_works_from_three_event_loops_at_once(make_pipeline: Make, asks: Any, meeting: Any) -> None:
    pipeline = make_pipeline({"ask": asks("m", 2)}, {"m": meeting(6)})

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(_arun, pipeline, {}) for _ in range(3)]
        results = [future.result(20)["answers"] for future in running]

    assert results == [[0.0, 1.0]] * 3


def test_many_threads_run_one_pipeline(make_pipeline: Make, asks: Any) -> None:
    pipeline = make_pipeline({"ask": asks("m", 3)}, {"m": PlusOne()})

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: pipeline.run({})["answers"], range(40)))

    assert results == [[1.0, 2.0, 3.0]] * 40


def test_the_observer_gets_answered_runs_only(make_pipeline: Make, asks: Any, observed: Any, run: Run) -> None:
    pipeline = make_pipeline({"ask": asks("m", 1)}, {"m": PlusOne()})

    run(pipeline, {})
    with pytest.raises(PipelineError):
        run(pipeline, {"unknown": 1})

    [(seconds, timings)] = observed.runs
    assert set(timings["ask"]) == {"preprocess", "inference", "postprocess"}
    assert seconds >= timings["ask"]["inference"]


class Refuses(PipelineStep):
    """Raises ``error`` in a part of its work, or reports it."""

    provides = ("refused",)

    def __init__(self, part: str, error: Exception, model: str | None = None) -> None:
        self.model = model
        self._part, self._error = part, error

    def process(self, context: PipelineContext) -> None:
        self._refuse("process")
        context.report(InvalidInputError("the picture is cut"), 0)
        context["refused"] = True

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        self._refuse("preprocess")
        return [InferenceRequest({"x": np.zeros(1)})]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        self._refuse("postprocess")
        context["refused"] = True

    def _refuse(self, part: str) -> None:
        if part == self._part:
            raise self._error


FAILURES: dict[str, tuple[PipelineStep, list[tuple[str, str]]]] = {
    "a picture": (Refuses("process", InvalidInputError("no picture")), [("step", "invalid_input")]),
    "a part": (Refuses("nowhere", ValueError()), [("step", "invalid_input")]),
    "a mistake": (Refuses("process", KeyError("lost")), [("step", "error")]),
    "before the model": (Refuses("preprocess", InvalidTensorError("no"), "m"), [("step", "invalid_request")]),
    "after the model": (Refuses("postprocess", InferenceError("no"), "m"), [("step", "error")]),
    "no answer": (Refuses("nowhere", ValueError(), "down"), [("step", "unavailable")]),
    "its own deadline": (Refuses("preprocess", DeadlineExceededError("late"), "m"), [("step", "deadline_exceeded")]),
    "no answer, and a mistake": (
        Refuses("postprocess", ValueError(), "down"),
        [("step", "error"), ("step", "unavailable")],
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_each_failure_of_a_step_is_counted_once_by_its_reason(
    make_pipeline: Make, asks: Any, observed: Any, run: Run, kind: str
) -> None:
    step, failures = FAILURES[kind]
    pipeline = make_pipeline({"ask": asks("m", 2), "step": step}, {"m": PlusOne(), "down": Unavailable()})

    with suppress(TurnoutError):
        run(pipeline, {})

    assert observed.failures == failures


def test_each_failed_request_of_a_step_is_counted(make_pipeline: Make, asks: Any, observed: Any, run: Run) -> None:
    run(make_pipeline({"ask": asks("m", 4), "other": asks("n", 2, "others")}, {"m": FailsOn("1", "3"), "n": PlusOne()}), {})

    assert observed.failures == [("ask", "error")] * 2


def test_a_run_that_its_caller_spoiled_is_no_failure_of_a_step(make_pipeline: Make, asks: Any, observed: Any, run: Run) -> None:
    with pytest.raises(PipelineError):
        run(make_pipeline({"ask": asks("m", 1)}, {"m": PlusOne()}), {"unknown": 1})

    assert observed.failures == []


@pytest.mark.clock
def test_a_deadline_is_a_failure_of_the_steps_that_were_at_work(
    make_pipeline: Make, asks: Any, observed: Any, gate: Any, run: Run
) -> None:
    steps = {"first": asks("n", 1, "n"), "ask": asks("m", 3), "late": asks("m", 1, "late", needs=("answers",))}

    with pytest.raises(DeadlineExceededError):
        run(make_pipeline(steps, {"m": gate, "n": PlusOne()}), {}, timeout_seconds=0.2)
    gate.opened.set()

    assert set(observed.failures) == {("ask", "deadline_exceeded")}


@pytest.mark.clock
def test_a_last_step_that_takes_too_long_is_the_one_that_failed(make_pipeline: Make, observed: Any, run: Run) -> None:
    class Sleeps(PipelineStep):
        def process(self, context: PipelineContext) -> None:
            threading.Event().wait(0.3)

    with pytest.raises(DeadlineExceededError):
        run(make_pipeline({"sleeps": Sleeps()}), {}, timeout_seconds=0.1)

    assert observed.failures == [("sleeps", "deadline_exceeded")]


class Sums(PipelineStep):
    """Writes one more than the sum of what it reads, through a model or by itself."""

    def __init__(self, reads: Sequence[str], writes: Sequence[str], *, asks: bool) -> None:
        self.model = "m" if asks else None
        self.needs = tuple(reads)
        self.provides = tuple(writes)

    def _sum(self, context: PipelineContext) -> float:
        return float(sum(context[name] for name in self.needs))

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({"x": np.array(self._sum(context))}) for _ in range(2)]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        for name in self.provides:
            context[name] = float(responses[1]["x"])

    def process(self, context: PipelineContext) -> None:
        total = self._sum(context) + 1
        for name in self.provides:
            context[name] = total


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Sums]:
    """Steps in a valid order; names are read again, and written again, by later ones."""
    written = ["n0"]
    steps = {"first": Sums((), ("n0",), asks=False)}
    for number in range(draw(st.integers(1, 7))):
        reads = draw(st.lists(st.sampled_from(written), unique=True, max_size=3))
        writes = draw(st.lists(st.sampled_from([*written, f"n{number + 1}"]), unique=True, max_size=2))
        steps[f"s{number}"] = Sums(reads, writes, asks=draw(st.booleans()))
        written += [name for name in writes if name not in written]
    return steps


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=graphs())
def test_any_graph_gives_what_its_steps_give_one_after_the_other(steps: dict[str, Sums], make_pipeline: Make) -> None:
    expected: dict[str, float] = {}
    for step in steps.values():
        total = sum(expected[name] for name in step.needs) + 1.0
        expected |= dict.fromkeys(step.provides, total)

    pipeline = make_pipeline(steps, {"m": PlusOne()})

    assert dict(_run(pipeline, {})) == expected
    assert dict(_arun(pipeline, {})) == expected
