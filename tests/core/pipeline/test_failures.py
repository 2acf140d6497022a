"""Runs of which parts failed: what raises, what is reported, logged and counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineContext, PipelineStep
from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    InferenceError,
    InvalidInputError,
    PipelineError,
    PipelineFailedError,
    PipelineUnavailableError,
    PipelineWiringError,
    TurnoutError,
)
from turnout.pipeline import Pipeline, PipelineResult, StepFailure
from turnout.testing import Fails, PlusOne, Unavailable

Make = Callable[..., Pipeline]


class FailsInTurn(ModelInference):
    """Raises these errors in turn, then answers."""

    def __init__(self, *errors: TurnoutError) -> None:
        self._errors = list(errors)

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self._errors:
            raise self._errors.pop(0)
        return InferenceResponse(dict(request.inputs), request.id)


class Trusting(PipelineStep):
    """Reads its response without a look at its error, as many steps do."""

    model = "m"
    provides = ("number",)

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({"x": np.zeros(1, np.float32)})]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["number"] = float(responses[0]["x"][0])


class Adds(PipelineStep):
    """Would fail on a value that is missing."""

    needs = ("answers",)
    provides = ("total",)

    def process(self, context: PipelineContext) -> None:
        context["total"] = sum(context["answers"])


def _run(pipeline: Pipeline) -> Any:
    return pipeline.run({})


def _arun(pipeline: Pipeline) -> Any:
    return asyncio.run(pipeline.arun({}))


@pytest.fixture(params=[_run, _arun], ids=["run", "arun"])
def run(request: pytest.FixtureRequest) -> Callable[[Pipeline], Any]:
    """Return what runs a pipeline: its sync door, then its async door."""
    door: Callable[[Pipeline], Any] = request.param
    return door


def test_a_step_without_an_answer_raises_with_every_failure(make_pipeline: Make, asks: Any, run: Any) -> None:
    pipeline = make_pipeline({"ask": asks("m", 3)}, {"m": Unavailable()})

    with pytest.raises(PipelineUnavailableError) as caught:
        run(pipeline)

    assert str(caught.value).startswith(
        "pipeline 'p': step 'ask' got no answer: all 3 requests to model 'm' failed: this backend is down"
    )
    assert sorted((failure.step, failure.index, failure.model) for failure in caught.value.failures) == [
        ("ask", 0, "m"),
        ("ask", 1, "m"),
        ("ask", 2, "m"),
    ]
    assert isinstance(caught.value, PipelineError)
    assert isinstance(caught.value, BackendUnavailableError)
    assert not isinstance(caught.value, ConfigurationError)


def test_a_step_that_reads_its_failed_response_raises_the_same(make_pipeline: Make, run: Any) -> None:
    with pytest.raises(PipelineUnavailableError) as caught:
        run(make_pipeline({"trusts": Trusting()}, {"m": Unavailable()}))

    assert [(failure.step, failure.index) for failure in caught.value.failures] == [("trusts", 0)]


class Explains(Trusting):
    """Knows which option the error of its request comes from."""

    def explain(self, error: TurnoutError) -> TurnoutError:
        if isinstance(error, InferenceError):
            return InvalidInputError("write `size:` in the step")
        if isinstance(error, DeadlineExceededError):
            raise TypeError("the step's own fault")
        return error


@pytest.mark.parametrize(
    ("raised", "reported"),
    [
        (InferenceError("boom"), "write `size:` in the step"),
        (InvalidInputError("wrong"), "wrong"),
        (DeadlineExceededError("late"), "late"),
    ],
    ids=["explained", "as it is", "a broken step"],
)
def test_a_step_explains_an_error_of_its_request(make_pipeline: Make, run: Any, raised: TurnoutError, reported: str) -> None:
    with pytest.raises(PipelineFailedError, match=f"to model 'm' failed: {reported}") as caught:
        run(make_pipeline({"asks": Explains()}, {"m": FailsInTurn(raised)}))

    assert [failure.error.message for failure in caught.value.failures] == [reported]


def test_a_later_step_does_not_start_and_an_independent_one_is_answered(make_pipeline: Make, asks: Any, run: Any) -> None:
    steps = {"ask": asks("down", 2), "add": Adds(), "other": asks("m", 2, "numbers")}
    pipeline = make_pipeline(steps, {"down": Unavailable(), "m": PlusOne()})

    with pytest.raises(PipelineFailedError, match="step 'ask' got no answer") as caught:
        run(pipeline)

    assert caught.value.values["numbers"] == [1.0, 2.0]
    assert "total" not in caught.value.values


def test_every_step_without_an_answer_is_named(make_pipeline: Make, asks: Any, run: Any) -> None:
    steps = {"left": asks("m", 1, "a"), "right": asks("n", 1, "b")}

    with pytest.raises(PipelineUnavailableError, match=r"'left' got no answer.*'right' got no answer") as caught:
        run(make_pipeline(steps, {"m": Unavailable(), "n": Unavailable()}))

    assert len(caught.value.failures) == 2


@pytest.mark.parametrize(
    ("errors", "unavailable"),
    [
        ((CircuitOpenError("open"), BackendUnavailableError("down")), True),
        ((DeadlineExceededError("late"), CircuitOpenError("open")), True),
        ((DeadlineExceededError("late"), DeadlineExceededError("late")), False),
        ((BackendUnavailableError("down"), InferenceError("no")), False),
    ],
)
def test_unavailability_is_recognized(
    make_pipeline: Make, asks: Any, run: Any, errors: tuple[TurnoutError, ...], unavailable: bool
) -> None:
    with pytest.raises(PipelineFailedError) as caught:
        run(make_pipeline({"ask": asks("m", 2)}, {"m": FailsInTurn(*errors)}))

    assert isinstance(caught.value, BackendUnavailableError) == unavailable


def test_the_longest_wait_is_known(make_pipeline: Make, asks: Any, run: Any) -> None:
    model = FailsInTurn(*(CircuitOpenError("open", backend="b", retry_after_seconds=wait) for wait in (1.0, 3.0)))

    with pytest.raises(PipelineUnavailableError) as caught:
        run(make_pipeline({"ask": asks("m", 2)}, {"m": model}))

    assert (caught.value.retry_after_seconds, caught.value.model, caught.value.backend) == (3.0, "m", "b")


def test_an_error_of_the_step_after_its_failed_requests_is_a_failure_too(make_pipeline: Make, run: Any) -> None:
    class Sloppy(Trusting):
        def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
            context["number"] = 1 / len(responses[0])

    with pytest.raises(PipelineUnavailableError) as caught:
        run(make_pipeline({"sloppy": Sloppy()}, {"m": Unavailable()}))

    assert sorted(type(failure.error).__name__ for failure in caught.value.failures) == ["BackendUnavailableError", "StepError"]


def test_a_step_without_requests_is_no_step_without_an_answer(make_pipeline: Make, asks: Any, run: Any) -> None:
    assert run(make_pipeline({"ask": asks("m", 0)}, {"m": Unavailable()}))["answers"] == []


def test_a_partial_run_returns_and_logs_one_line(
    make_pipeline: Make, asks: Any, run: Any, observed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = make_pipeline({"ask": asks("m", 4)}, {"m": FailsInTurn(InferenceError("no"), InferenceError("never"))})

    result = run(pipeline)

    assert len(result.failures) == 2
    [line] = caplog.messages
    assert line.startswith("pipeline 'p': 2 parts failed, first: ask [")
    assert caplog.records[0].levelno == logging.WARNING
    assert observed.outcomes == ["partial"]
    with pytest.raises(PipelineFailedError, match="2 parts failed") as caught:
        result.raise_for_failures()
    assert caught.value.failures == result.failures


class Forgetful(PipelineStep):
    """Writes None for a failed request, and reports ``reported`` of them only."""

    model = "m"
    provides = ("answers",)

    def __init__(self, count: int, reported: int) -> None:
        self._count = count
        self._reported = reported

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({"x": np.full(1, index, np.float32)}) for index in range(self._count)]

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        errors = [response.error for response in responses if response.error is not None]
        for error in errors[: self._reported]:
            context.report(error, 7)
        context["answers"] = [None if response.error else response["x"] for response in responses]


class FailsAbove(ModelInference):
    """Fails on numbers above ``limit``."""

    def __init__(self, limit: float) -> None:
        self._limit = limit

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if request.inputs["x"][0] > self._limit:
            raise InferenceError(f"{request.inputs['x'][0]} is too much")
        return InferenceResponse(dict(request.inputs))


@pytest.mark.parametrize(("reported", "indexes"), [(0, [2, 3]), (1, [7, 3]), (2, [7, 7])])
def test_a_failed_request_that_its_step_does_not_report_is_a_failure_too(
    make_pipeline: Make, run: Any, observed: Any, reported: int, indexes: list[int]
) -> None:
    result = run(make_pipeline({"forgets": Forgetful(4, reported)}, {"m": FailsAbove(1)}))

    assert [(failure.step, failure.index, failure.model) for failure in result.failures] == [
        ("forgets", index, "m") for index in indexes
    ]
    assert [str(failure.error) for failure in result.failures] == ["2.0 is too much", "3.0 is too much"]
    assert observed.outcomes == ["partial"]


def test_every_run_is_counted_by_its_outcome(make_pipeline: Make, asks: Any, run: Any, observed: Any) -> None:
    for model in (PlusOne(), Unavailable(), Fails(InvalidInputError("bad"))):
        with contextlib.suppress(PipelineFailedError):
            run(make_pipeline({"ask": asks("m", 1)}, {"m": model}))
    with pytest.raises(PipelineWiringError):
        make_pipeline({"ask": asks("m", 1)}, {"m": PlusOne()}).run({"unknown": 1})

    assert observed.outcomes == ["ok", "failed", "failed", "invalid_request"]
    assert len(observed.runs) == 1


def test_a_full_result_raises_for_no_failure(make_pipeline: Make, asks: Any) -> None:
    make_pipeline({"ask": asks("m", 1)}, {"m": PlusOne()}).run({}).raise_for_failures()


def test_a_printed_result_is_short() -> None:
    values = {
        "picture": np.zeros((900, 900, 3), np.uint8),
        "masks": [np.zeros((900, 900), np.bool_)] * 40,
        "caption": "x" * 900,
    }

    text = str(PipelineResult(values, (StepFailure("ask", 1, InferenceError("y" * 5000)),), pipeline="p"))

    assert text.startswith(
        "PipelineResult('p', picture=UINT8 [900, 900, 3], masks=[BOOL [900, 900], BOOL [900, 900], ...], caption='xxx"
    )
    assert "failures=1: ask [1]: yyy" in text
    assert len(text) < 500


def test_the_error_keeps_its_failures_in_another_process() -> None:
    failure = StepFailure("ask", 1, CircuitOpenError("open", model="m", backend="b"), "m")
    error = pickle.loads(pickle.dumps(PipelineUnavailableError("no", [failure], {"x": 1}, retry_after_seconds=2.0)))

    assert (str(error), error.values, error.retry_after_seconds) == ("no", {"x": 1}, 2.0)
    assert (error.failures[0].step, error.failures[0].backend) == ("ask", "b")


def test_a_printed_result_is_one_line_that_drives_no_terminal() -> None:
    class Drives:
        def __repr__(self) -> str:
            return "\x1b[2J\nforged"

    assert str(PipelineResult({"a\u202e": 1, "b": Drives()})) == "PipelineResult(a\\u202e=1, b=\\x1b[2J forged)"
