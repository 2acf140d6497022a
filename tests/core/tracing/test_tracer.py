"""The spans of a real app: their tree, what they hold, and how they fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from tests.traces import Traces, id_of, links_of

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineContext, PipelineStep, Turnout
from turnout.errors import (
    BackendUnavailableError,
    InferenceError,
    InvalidRequestError,
    NotReachedError,
    PipelineFailedError,
)
from turnout.testing import PlusOne

MakeApp = Callable[..., Turnout]
ROW = {"x": np.ones((1, 2), np.float32)}


class Fails(ModelInference):
    """Raises ``error`` of its own kind each time; of the first ``times`` requests only, if that is given."""

    def __init__(self, kind: type[Exception], times: int = 1_000) -> None:
        self._kind = kind
        self._times = times

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if not self._times:
            return InferenceResponse(dict(request.inputs), request.id)
        self._times -= 1
        raise self._kind("no")


class FailsOdd(ModelInference):
    """Fails the requests with an odd number in them."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if int(request.inputs["x"][0]) % 2:
            raise InferenceError("odd")
        return InferenceResponse(dict(request.inputs), request.id)


class Streams(ModelInference):
    """Yields two responses; records the span that is current while it works."""

    def __init__(self) -> None:
        self.current: list[int] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise AssertionError

    def infer_stream(self, request: InferenceRequest) -> Any:
        for _ in range(2):
            self.current.append(get_current_span().get_span_context().span_id)
            yield InferenceResponse(dict(request.inputs))


class Batches(ModelInference):
    """Adds one to batches; the first request waits until ``opened``."""

    def __init__(self) -> None:
        self.started, self.opened = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self.fails = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.sizes.append(len(request.inputs["x"]))
        self.started.set()
        assert self.opened.wait(20)
        if self.fails and len(self.sizes) > 1:
            self.fails -= 1
            raise InferenceError("a bad batch")
        return InferenceResponse({"x": request.inputs["x"] + 1})


class Notes(PipelineStep):
    """Records the span in which it works."""

    provides = ("noted",)

    def process(self, context: PipelineContext) -> None:
        context["noted"] = get_current_span().get_span_context().span_id


def test_a_request_is_a_span_with_its_execution_below_the_callers_own(make_app: MakeApp, traces: Traces) -> None:
    app = make_app()

    with traces.tracer.start_as_current_span("caller"):
        app.model("plus").infer(ROW, id="seven")

    assert traces.tree() == ["caller", "  request plus", "    execution plus"]
    request, execution = traces.one("request plus"), traces.one("execution plus")
    known = {"turnout.model": "plus", "turnout.backend": "plus_backend", "turnout.outcome": "ok"}
    assert dict(request.attributes or {}) == known | {"turnout.request.id": "seven"}
    assert dict(execution.attributes or {}) == known
    assert request.status.status_code is execution.status.status_code is StatusCode.UNSET
    assert execution.kind is SpanKind.INTERNAL


def test_a_request_has_the_version_that_answered(make_app: MakeApp, traces: Traces) -> None:
    class Second(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return InferenceResponse(dict(request.inputs), request.id, model_version="2")

    app = make_app({"m": Second})

    app.model("m").infer(ROW)
    asyncio.run(app.model("m").ainfer(ROW))

    assert [(span.attributes or {})["turnout.model.version"] for span in traces.ended] == 4 * ["2"]


def test_a_failed_request_says_why(make_app: MakeApp, traces: Traces) -> None:
    app = make_app({"bad": lambda: Fails(InferenceError)})

    with pytest.raises(InferenceError):
        app.model("bad").infer(ROW)

    request, execution = traces.one("request bad"), traces.one("execution bad")
    for span in (request, execution):
        assert span.attributes is not None
        assert span.attributes["turnout.outcome"] == "error"
        assert span.attributes["error.type"] == "turnout.errors.InferenceError"
        assert span.status.status_code is StatusCode.ERROR
        assert "no" in (span.status.description or "")
    [event] = execution.events
    assert event.name == "exception"
    assert set(event.attributes or {}) == {"exception.type", "exception.message"}
    assert not request.events


def test_a_refused_request_has_no_execution(make_app: MakeApp, traces: Traces) -> None:
    app = make_app(more={"plus": {"inputs": {"x": "FP32[1,2]"}}})

    with pytest.raises(InvalidRequestError):
        app.model("plus").infer({"x": np.ones((1, 3), np.float32)})
    app.model("plus").infer(ROW)

    first, second = traces.named("request plus")
    assert (first.attributes or {})["turnout.outcome"] == "invalid_request"
    assert (second.attributes or {})["turnout.outcome"] == "ok"
    assert len(traces.named("execution plus")) == 1


def test_a_fallback_is_an_event_between_two_executions(make_app: MakeApp, traces: Traces) -> None:
    models = {"first": lambda: Fails(BackendUnavailableError), "other": PlusOne}
    app = make_app(
        models, more={"first": {"backends": {"first_backend": {}, "other_backend": {}}, "fallback": "other_backend"}}
    )

    app.model("first").infer(ROW)

    assert traces.tree() == ["request first", "  execution first", "  execution first"]
    request, (failed, answered) = traces.one("request first"), traces.named("execution first")
    assert (request.attributes or {})["turnout.backend"] == "other_backend"
    assert (request.attributes or {})["turnout.outcome"] == "ok"
    assert request.status.status_code is StatusCode.UNSET
    [event] = request.events
    expected = {"turnout.backend": "first_backend", "turnout.fallback.to": "other_backend"}
    assert event.name == "turnout.fallback"
    assert dict(event.attributes or {}) == expected | {"turnout.fallback.reason": "unavailable"}
    assert (failed.attributes or {})["turnout.outcome"] == "unavailable"
    assert (answered.attributes or {})["turnout.backend"] == "other_backend"


def test_a_retry_is_an_event_and_another_execution(make_app: MakeApp, traces: Traces) -> None:
    app = make_app({"flaky": lambda: Fails(NotReachedError, times=1)}, more={"flaky": {"retry": {"budget_ratio": 1.0}}})

    app.model("flaky").infer(ROW)

    assert traces.tree() == ["request flaky", "  execution flaky", "  execution flaky"]
    assert [event.name for event in traces.one("request flaky").events] == ["turnout.retry"]


def test_requests_of_a_pipeline_are_children_of_their_step(make_app: MakeApp, traces: Traces, asks: Any) -> None:
    app = make_app(steps={"ask": lambda: asks("plus", 3), "note": Notes})

    result = app.run("all")

    assert sorted(traces.tree()[1:]) == sorted(
        ["  step ask", *(3 * ["    request plus", "      execution plus"]), "  step note"]
    )
    assert traces.tree()[0] == "pipeline all"
    step = traces.one("step ask").attributes or {}
    assert (step["turnout.pipeline"], step["turnout.step"], step["turnout.model"]) == ("all", "ask", "plus")
    assert step["turnout.failures"] == 0
    assert float(str(step["turnout.inference.duration"])) > 0
    assert (traces.one("pipeline all").attributes or {})["turnout.outcome"] == "ok"
    assert result["noted"] == id_of(traces.one("step note"))


def test_arun_makes_the_same_tree_in_many_tasks_at_once(make_app: MakeApp, traces: Traces, asks: Any) -> None:
    app = make_app(steps={"ask": lambda: asks("plus", 3), "note": Notes})

    async def run_all() -> None:
        await asyncio.gather(*(app.arun("all") for _ in range(8)))

    asyncio.run(run_all())

    assert len(traces.named("pipeline all")) == 8
    for run in traces.named("pipeline all"):
        own = [span for span in traces.ended if span.context.trace_id == run.context.trace_id]
        [step] = [span for span in own if span.name == "step ask"]
        requests = [span for span in own if span.name == "request plus"]
        assert len(own) == 9
        assert step.parent == run.context
        assert [span.parent for span in requests] == 3 * [step.context]


def test_many_threads_do_not_mix_their_traces(make_app: MakeApp, traces: Traces) -> None:
    app = make_app()

    def call(number: int) -> int:
        with traces.tracer.start_as_current_span(f"caller {number}") as span:
            app.model("plus").infer(ROW, id=str(number))
            return span.get_span_context().trace_id

    with ThreadPoolExecutor(8) as pool:
        trace_ids = list(pool.map(call, range(64)))

    found = {(span.attributes or {})["turnout.request.id"]: span.context.trace_id for span in traces.named("request plus")}
    assert found == {str(number): trace_id for number, trace_id in enumerate(trace_ids)}


def test_a_part_that_fails_leaves_the_run_partial_and_a_step_without_an_answer_fails_it(
    make_app: MakeApp, traces: Traces, asks: Any
) -> None:
    models = {"odd": FailsOdd, "bad": lambda: Fails(InferenceError)}
    steps = {"some": lambda: asks("odd", 3, "some"), "none": lambda: asks("bad", 2, "none")}
    app = make_app(models, steps, pipelines={"partial": ["some"], "all": ["some", "none"]})

    app.run("partial")
    with pytest.raises(PipelineFailedError):
        app.run("all")

    first, second = traces.named("step some")
    assert (first.attributes or {})["turnout.failures"] == (second.attributes or {})["turnout.failures"] == 1
    assert first.status.status_code is StatusCode.UNSET
    assert (traces.one("pipeline partial").attributes or {})["turnout.outcome"] == "partial"
    failed, run = traces.one("step none"), traces.one("pipeline all")
    assert failed.status.status_code is run.status.status_code is StatusCode.ERROR
    assert (run.attributes or {})["turnout.outcome"] == "failed"
    assert (run.attributes or {})["error.type"] == "turnout.errors.PipelineFailedError"


def test_a_run_that_ends_at_its_deadline_ends_the_spans_of_its_steps(
    make_app: MakeApp, traces: Traces, asks: Any, gate: Any
) -> None:
    app = make_app({"slow": lambda: gate}, {"ask": lambda: asks("slow")})
    app.model("slow").open()

    with pytest.raises(Exception, match="deadline"):
        app.run("all", timeout_seconds=0.05)

    gate.opened.set()
    app.close()
    assert {"pipeline all", "step ask", "request slow", "execution slow"} == {span.name for span in traces.ended}
    assert traces.one("pipeline all").status.status_code is StatusCode.ERROR


def test_a_batch_is_one_execution_that_is_linked_to_its_requests(make_app: MakeApp, traces: Traces) -> None:
    model = Batches()
    app = make_app({"m": lambda: model}, more={"m": {"max_batch_size": 8, "dynamic_batching": {}}})
    app.model("m").open()

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(app.model("m").infer, ROW, id="first")]
        assert model.started.wait(20)
        answers += [pool.submit(app.model("m").infer, ROW, id=str(number)) for number in range(3)]
        _wait_for(lambda: 'turnout_queue_depth{backend="m_backend",model="m"} 3.0' in app.metrics_text())
        model.opened.set()
        for answer in answers:
            answer.result(20)

    assert model.sizes == [1, 3]
    alone, batch = traces.named("execution m")
    requests = {(span.attributes or {})["turnout.request.id"]: span for span in traces.named("request m")}
    merged = [requests[str(number)] for number in range(3)]
    assert alone.parent == requests["first"].context
    assert not alone.links
    assert links_of(batch) == {id_of(span) for span in merged}
    assert batch.parent in [span.context for span in merged]
    assert (batch.attributes or {})["turnout.batch.requests"] == 3
    assert (batch.attributes or {})["turnout.batch.rows"] == 3
    assert all(links_of(span) == {id_of(batch)} for span in merged)
    assert all((span.attributes or {})["turnout.outcome"] == "ok" for span in traces.named("request m"))


def test_requests_of_a_failed_batch_run_alone_each_below_its_own_request(make_app: MakeApp, traces: Traces) -> None:
    model = Batches()
    app = make_app({"m": lambda: model}, more={"m": {"max_batch_size": 8, "dynamic_batching": {}}})
    app.model("m").open()
    model.fails = 1

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(app.model("m").infer, ROW, id="first")]
        assert model.started.wait(20)
        answers += [pool.submit(app.model("m").infer, ROW, id=str(number)) for number in range(2)]
        _wait_for(lambda: 'turnout_queue_depth{backend="m_backend",model="m"} 2.0' in app.metrics_text())
        model.opened.set()
        for answer in answers:
            answer.result(20)

    _, batch, *alone = traces.named("execution m")
    requests = {(span.attributes or {})["turnout.request.id"]: span for span in traces.named("request m")}
    assert batch.status.status_code is StatusCode.ERROR
    assert {span.parent.span_id for span in alone if span.parent} == {id_of(requests["0"]), id_of(requests["1"])}
    assert [span.status.status_code for span in alone] == 2 * [StatusCode.UNSET]


def test_a_stream_is_a_span_that_is_not_its_readers(make_app: MakeApp, traces: Traces) -> None:
    model = Streams()
    app = make_app({"m": lambda: model})

    seen = [get_current_span().get_span_context().is_valid for _ in app.model("m").infer_stream(ROW)]
    for _ in app.model("m").infer_stream(ROW):
        break

    assert seen == [False, False]
    first, second = traces.named("execution m")
    assert model.current == [id_of(first), id_of(first), id_of(second)]
    assert [span.name for span in traces.ended] == 2 * ["execution m", "request m"]
    assert {(span.attributes or {})["turnout.outcome"] for span in traces.ended} == {"ok"}
    assert {span.status.status_code for span in traces.ended} == {StatusCode.UNSET}


def test_a_cancelled_caller_is_no_error(make_app: MakeApp, traces: Traces, gate: Any) -> None:
    app = make_app({"m": lambda: gate})
    app.model("m").open()

    async def cancel() -> None:
        task = asyncio.create_task(app.model("m").ainfer(ROW))
        await asyncio.to_thread(gate.started.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    gate.opened.set()
    app.close()

    request = traces.one("request m")
    assert (request.attributes or {})["turnout.outcome"] == "cancelled"
    assert request.status.status_code is StatusCode.UNSET


def test_a_shadow_runs_below_its_request_without_being_its_backend(make_app: MakeApp, traces: Traces) -> None:
    shadow = {"backend": "other_backend", "fraction": 1.0}
    app = make_app(
        {"m": PlusOne, "other": PlusOne},
        more={"m": {"backends": {"m_backend": {}, "other_backend": {}}, "shadow": shadow}},
    )

    app.model("m").infer(ROW)
    _wait_for(lambda: len(traces.named("execution m")) == 2)

    assert traces.tree() == ["request m", "  execution m", "  execution m"]
    request, (answered, shadowed) = traces.one("request m"), traces.named("execution m")
    assert (request.attributes or {})["turnout.backend"] == (answered.attributes or {})["turnout.backend"] == "m_backend"
    assert (shadowed.attributes or {})["turnout.backend"] == "other_backend"
    assert (shadowed.attributes or {})["turnout.role"] == "shadow"
    assert "turnout.role" not in (answered.attributes or {})


def test_a_request_that_is_not_sampled_records_nothing(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, asks: Any) -> None:
    traces = Traces(sampler=ALWAYS_OFF).install(monkeypatch)
    app = make_app(steps={"ask": lambda: asks("plus", 2)})

    result = app.run("all")

    assert result["answers"] == [1.0, 2.0]
    assert not traces.ended


def _wait_for(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it never came")
