"""What a backend forgot to translate."""

from __future__ import annotations

import pytest

from turnout import InferenceRequest, InferenceResponse
from turnout.errors import InferenceError, OverloadedError
from turnout.middleware.error_boundary import ErrorBoundary
from turnout.testing import Answers, Fails, PlusOne, Streams

REQUEST = InferenceRequest({})


def test_a_foreign_exception_becomes_an_inference_error_that_names_model_and_backend() -> None:
    cause = RuntimeError("CUDA error:\n  out of memory")

    with pytest.raises(InferenceError) as caught:
        ErrorBoundary(Fails(cause), "blip", "direct").infer(REQUEST)

    assert str(caught.value) == "model 'blip' on backend 'direct' failed: RuntimeError: CUDA error: out of memory"
    assert caught.value.__cause__ is cause


def test_a_turnout_error_passes_through() -> None:
    error = OverloadedError("full")

    with pytest.raises(OverloadedError) as caught:
        ErrorBoundary(Answers(error), "blip", "direct").infer(REQUEST)

    assert caught.value is error


def test_an_answer_passes_through() -> None:
    assert dict(ErrorBoundary(PlusOne(), "blip", "direct").infer(REQUEST)) == {}


def test_an_interrupt_is_not_an_error_of_the_model() -> None:
    class Interrupted(PlusOne):
        def infer(self, request: InferenceRequest) -> object:  # type: ignore[override]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ErrorBoundary(Interrupted(), "blip", "direct").infer(REQUEST)


def test_translates_what_a_stream_raises_between_two_answers() -> None:
    boundary = ErrorBoundary(Streams(InferenceResponse({}, "first"), RuntimeError("half way")), "m", "b")

    answers = boundary.infer_stream(InferenceRequest({}))

    assert next(answers).id == "first"
    with pytest.raises(InferenceError, match=r"model 'm' on backend 'b' failed: RuntimeError: half way"):
        next(answers)
