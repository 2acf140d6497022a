"""``turnout check --deep`` sends requests: "ok" means that one was answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout import (
    InferenceRequest,
    InferenceResponse,
    ModelInference,
    ModelSignature,
    PipelineContext,
    PipelineStep,
    TensorSpec,
)
from turnout.commands import check
from turnout.commands.check_result import CheckResult
from turnout.errors import InferenceError, InvalidRequestError, TurnoutError
from turnout.testing import PlusOne

FIXED = ModelSignature((TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("x", "FP32", (-1, 3)),))
FREE = ModelSignature((TensorSpec("x", "FP32", (-1, -1)),))


class Declares(PlusOne):
    """Declares its tensors; raises ``error`` for each request, if there is one."""

    def __init__(self, signature: ModelSignature = FIXED, error: TurnoutError | None = None) -> None:
        super().__init__()
        self._signature = signature
        self._error = error
        self.requests = 0

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.requests += 1
        if self._error is not None:
            raise self._error
        return super().infer(request)

    def signature(self) -> ModelSignature:
        return self._signature


class SeesItsBatch(Declares):
    """Answers each row with the mean of its batch."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        x = request.inputs["x"]
        return InferenceResponse({"x": np.broadcast_to(x.mean(axis=0), x.shape).copy()})


class Asks(PipelineStep):
    inputs = ("picture",)
    provides = ("answers",)
    model = "m"

    def __init__(self, count: int = 1, example: Mapping[str, Any] | None = None) -> None:
        self._count = count
        self._example = {"picture": np.ones((1, 5), np.float32)} if example is None else example

    def example_inputs(self) -> Mapping[str, Any]:
        return self._example

    def preprocess(self, context: PipelineContext) -> Sequence[InferenceRequest]:
        return [InferenceRequest({"x": context["picture"]})] * self._count

    def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
        context["answers"] = [response["x"] for response in responses]


Check = Callable[..., dict[str, CheckResult]]


@pytest.fixture
def check_deep(plugins_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Return a function that checks a model, and a pipeline if it is given a step; findings by what they are about."""

    def run(model: Callable[[], ModelInference], step: PipelineStep | None = None, **settings: Any) -> dict[str, CheckResult]:
        loaded = plugins_with({"b": model}, {"ask": lambda: step} if step else {})
        monkeypatch.setattr(check, "find_plugins", lambda: loaded)
        source = {"models": {"m": {"backend": "b", "backends": {"b": {}}, **settings}}}
        (tmp_path / "turnout.yaml").write_text(json.dumps(source | ({"pipelines": {"p": ["ask"]}} if step else {})))
        return {result.what: result for result in check.check_app(tmp_path / "turnout.yaml", deep=True)}

    return run


def test_a_model_with_known_sizes_answers_a_generated_request(check_deep: Check) -> None:
    result = check_deep(Declares, max_batch_size=4)["model"]

    assert (result.ok, result.note) == (True, False)
    assert result.text.endswith("x FP32 [-1, 3]; answered a generated request")


def test_the_only_free_axis_of_all_inputs_is_the_batch_axis(check_deep: Check) -> None:
    assert check_deep(Declares)["model"].text.endswith("answered a generated request")


def test_a_model_that_fails_on_each_request_fails(check_deep: Check) -> None:
    result = check_deep(lambda: Declares(error=InferenceError("'bool' has no unsqueeze")), max_batch_size=4)["model"]

    assert not result.ok
    assert result.text == "b: failed on a generated request: 'bool' has no unsqueeze"


def test_a_model_that_refuses_generated_values_is_a_note(check_deep: Check) -> None:
    result = check_deep(lambda: Declares(error=InvalidRequestError("7 is no length")), max_batch_size=4)["model"]

    assert (result.ok, result.note) == (True, True)
    assert "refuses a generated request: 7 is no length; record some" in result.text


def test_a_failure_has_its_error_unless_that_is_about_the_inputs(check_deep: Check) -> None:
    failed = check_deep(lambda: Declares(error=InferenceError("broken")), max_batch_size=4)["model"]
    refused = check_deep(lambda: Declares(error=InvalidRequestError("too long")), Asks())["model"]

    assert (failed.ok, str(failed.error)) == (False, "broken")
    assert (refused.ok, refused.error) == (False, None)


def test_a_model_with_free_sizes_and_no_request_is_a_note(check_deep: Check) -> None:
    result = check_deep(lambda: Declares(FREE))["model"]

    assert (result.ok, result.note) == (True, True)
    assert (
        "got no request: input 'x' of model 'm' is FP32 [-1, -1], which has free sizes; record some: turnout record m"
        in result.text
    )
    assert "--shape" not in result.text  # no option of this command


class Breaks(Declares):
    """Answers with ``outputs``, whatever it declares."""

    def __init__(self, **outputs: Any) -> None:
        super().__init__()
        self._outputs = outputs

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse(self._outputs)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "returned no output 'x', which its signature has; it returned: nothing"),
        ({"y": np.ones((1, 3), np.float32)}, "returned no output 'x', which its signature has; it returned: y"),
        ({"x": np.ones((1, 3))}, "returned 'x' as FP64 [1, 3], its signature has FP32 [-1, 3]"),
        ({"x": np.array(["a"])}, "returned 'x' as BYTES [1], its signature has FP32 [-1, 3]"),
    ],
)
def test_an_answer_without_the_outputs_of_the_signature_is_no_answer(
    check_deep: Check, outputs: dict[str, Any], text: str
) -> None:
    result = check_deep(lambda: Breaks(**outputs))["model"]

    assert not result.ok
    assert text in result.text


def test_an_answer_of_another_shape_is_an_answer(check_deep: Check) -> None:
    assert check_deep(lambda: Breaks(x=np.ones((1, 7), np.float32)))["model"].ok


def test_a_pipeline_runs_on_the_examples_of_its_steps_and_its_request_goes_to_the_arm(check_deep: Check) -> None:
    results = check_deep(lambda: Declares(FREE), Asks())

    assert results["pipeline"].text.endswith("answered an example of picture")
    assert results["model"].text.endswith("answered a pipeline's request")
    assert not results["pipeline"].note


def test_a_pipeline_that_fails_on_its_example_fails(check_deep: Check) -> None:
    result = check_deep(lambda: Declares(FREE, InferenceError("no")), Asks())["pipeline"]

    assert not result.ok
    assert "failed on an example: pipeline 'p': step 'ask' got no answer" in result.text


def test_a_step_without_an_example_is_a_note(check_deep: Check) -> None:
    result = check_deep(lambda: Declares(FREE), Asks(example={}))["pipeline"]

    assert (result.ok, result.note) == (True, True)
    assert "was not run: no step gives an example of 'picture'" in result.text


def test_a_step_that_sends_nothing_is_a_note(check_deep: Check) -> None:
    result = check_deep(lambda: Declares(FREE), Asks(count=0))["pipeline"]

    assert (result.ok, result.note) == (True, True)
    assert "sent no request in ask" in result.text


def test_rows_that_see_each_other_fail(check_deep: Check) -> None:
    assert "batching" not in check_deep(Declares, max_batch_size=4)

    result = check_deep(SeesItsBatch, max_batch_size=4)["batching"]

    assert not result.ok
    assert "changes answers" in result.text


def test_nothing_is_recorded_or_kept_as_evidence(check_deep: Check, tmp_path: Path) -> None:
    check_deep(Declares, max_batch_size=4, record={"fraction": 1.0})

    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir() and path.name in ("recordings", ".turnout")) == []


class Streams(Declares):
    """Refuses ``infer``, and answers with a stream: a decoupled model."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        raise InvalidRequestError("it is decoupled; call infer_stream")

    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        yield PlusOne.infer(self, request)


class StreamsNothingGood(Streams):
    def infer_stream(self, request: InferenceRequest) -> Iterator[InferenceResponse]:
        yield InferenceResponse({}, error=InferenceError("broken"))


def test_a_model_that_only_streams_is_asked_for_a_stream(check_deep: Check) -> None:
    good, broken = check_deep(Streams)["model"], check_deep(StreamsNothingGood)["model"]

    assert (good.ok, good.note) == (True, False)
    assert good.text.endswith("answered a generated request with a stream")
    assert broken.note
    assert "refuses a generated request: it is decoupled" in broken.text
