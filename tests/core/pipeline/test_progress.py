"""The progress of one run, without threads."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from turnout import InferenceRequest, InferenceResponse, PipelineContext, PipelineStep
from turnout.errors import InferenceError, InvalidInputError, PipelineFailedError, StepError
from turnout.pipeline import plan_pipeline
from turnout.pipeline.progress import Progress


class Two(PipelineStep):
    model = "m"
    provides = ("ids",)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({}), InferenceRequest({}, deadline=1.0)]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["ids"] = [response.id or str(response.error) for response in responses]


class Raises(PipelineStep):
    def __init__(self, part: str, error: Exception) -> None:
        self.model = None if part == "process" else "m"
        self._part = part
        self._error = error

    def _act(self, part: str) -> None:
        if part == self._part:
            raise self._error

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        self._act("preprocess")
        return [InferenceRequest({})]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        self._act("postprocess")

    def process(self, context: PipelineContext) -> None:
        self._act("process")


def _progress(step: PipelineStep, deadline: float | None = None) -> Progress:
    return Progress(plan_pipeline("p", {"s": step}), {}, deadline)


def _run(step: PipelineStep) -> Progress:
    progress = _progress(step)
    for index, _ in enumerate(progress.begin("s")):
        progress.receive("s", index, InferenceResponse({}))
    return progress


def test_each_step_is_startable_once() -> None:
    progress = _progress(Two())

    assert (progress.startable(), progress.startable(), progress.finished) == (["s"], [], False)


def test_answers_reach_the_step_in_the_order_of_its_requests() -> None:
    progress = _progress(Two())
    progress.begin("s")

    progress.receive("s", 1, InferenceResponse({}, "second"))
    unfinished = progress.finished
    progress.receive("s", 0, InferenceError("the first failed"))

    assert (unfinished, progress.finished) == (False, True)
    assert progress.result()["ids"] == ["the first failed", "second"]


def test_requests_get_the_deadline_of_the_run_unless_they_have_their_own() -> None:
    deadline = time.monotonic() + 60

    assert [request.deadline for request in _progress(Two(), deadline).begin("s")] == [deadline, 1.0]
    assert [request.deadline for request in _progress(Two()).begin("s")] == [None, 1.0]


@pytest.mark.parametrize("part", ["preprocess", "postprocess", "process"])
def test_a_foreign_exception_becomes_a_step_error_that_names_step_and_part(part: str) -> None:
    cause = ValueError("seven\nis odd")

    with pytest.raises(StepError) as caught:
        _run(Raises(part, cause))

    assert str(caught.value) == f"step 's' failed in {part}: ValueError: seven is odd; fix the step"
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("part", ["preprocess", "postprocess", "process"])
def test_a_turnout_error_of_a_step_passes_through(part: str) -> None:
    error = InvalidInputError("no picture")

    with pytest.raises(InvalidInputError) as caught:
        _run(Raises(part, error))

    assert caught.value is error


@pytest.mark.parametrize(
    ("step", "parts"), [(Two(), {"preprocess", "inference", "postprocess"}), (PipelineStep(), {"process"})]
)
def test_times_each_part(step: PipelineStep, parts: set[str]) -> None:
    timings = _run(step).result().timings

    assert set(timings["s"]) == parts
    assert all(seconds >= 0 for seconds in timings["s"].values())


def test_steps_without_an_answer_are_told_in_the_order_of_the_pipeline() -> None:
    """Not of their ends, which the clock decides: the same outage has the same text each time."""
    texts = set()
    for order in (("a", "b"), ("b", "a")):
        progress = Progress(plan_pipeline("p", {name: Raises("none", ValueError()) for name in ("a", "b")}), {}, None)
        for name in order:
            progress.begin(name)
        for name in order:
            progress.receive(name, 0, InferenceError("no server"))
        with pytest.raises(PipelineFailedError) as caught:
            progress.result()
        texts.add(str(caught.value))

    [text] = texts
    assert text.index("step 'a'") < text.index("step 'b'")


class Shares(PipelineStep):
    """Counts in ``context.shared`` how many steps have come by."""

    def __init__(self, model: str | None, needs: tuple[str, ...], provides: str) -> None:
        self.model, self.needs, self.provides = model, needs, (provides,)

    def _count(self, context: PipelineContext) -> int:
        context.shared["count"] = context.shared.get("count", 0) + 1
        return context.shared["count"]

    def process(self, context: PipelineContext) -> None:
        context[self.provides[0]] = self._count(context)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        context.state = self._count(context)
        return [InferenceRequest({})]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context[self.provides[0]] = context.state, dict(context.shared)


def test_steps_of_a_run_share_values_until_the_last_one_has_its_requests() -> None:
    steps = {"a": Shares(None, (), "x"), "b": Shares("m", ("x",), "y"), "c": Shares("m", ("y",), "z")}
    progress = Progress(plan_pipeline("p", steps), {}, None)

    for name in steps:
        if progress.begin(name):
            progress.receive(name, 0, InferenceResponse({}))

    assert dict(progress.result()) == {"x": 1, "y": (2, {"count": 2}), "z": (3, {})}


def test_runs_share_nothing_with_each_other() -> None:
    plan = plan_pipeline("p", {"a": Shares(None, (), "x"), "b": Shares("m", ("x",), "y")})
    first, second = (Progress(plan, {}, None) for _ in range(2))

    first.begin("a")
    second.begin("a")

    assert second._values == {"x": 1}


def test_a_step_that_cannot_start_does_not_keep_what_others_share() -> None:
    plan = plan_pipeline("p", {"a": Shares("m", (), "x"), "b": Shares("m", ("x",), "y")})
    progress = Progress(plan, {}, None)
    progress.startable()

    progress.begin("a")
    progress.receive("a", 0, InferenceError("down"))

    assert progress.finished
    assert progress._shared == {}


def test_an_answer_costs_the_same_however_many_the_step_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bool:
        raise AssertionError("a response was compared with something")

    monkeypatch.setattr(InferenceResponse, "__eq__", refuse)
    progress = _progress(Two())
    progress.begin("s")

    for index in range(2):
        progress.receive("s", index, InferenceResponse({}, str(index)))

    assert progress.finished
