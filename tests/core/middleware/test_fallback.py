"""When the first backend is unavailable, the other answers, within the caller's deadline."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest
from tests.core.middleware.resilience_kit import ANSWER, REQUEST, Clock, Meters, Scripted, at_once, outcome

from turnout import InferenceRequest, ModelSignature
from turnout.errors import (
    BackendUnavailableError,
    CircuitOpenError,
    ClosedError,
    DeadlineExceededError,
    ForkedAfterLoadError,
    InferenceError,
    InvalidTensorError,
    ModelLoadError,
    NotReachedError,
    OverloadedError,
    TurnoutError,
)
from turnout.inference import ModelInference
from turnout.metrics import FallbackReason
from turnout.middleware.fallback import Fallback
from turnout.tensors import TensorSpec
from turnout.testing import PlusOne, Slow, Unavailable

X = np.ones(2, np.float32)


@pytest.fixture
def meters() -> Meters:
    return Meters()


def falling(first: ModelInference, other: ModelInference, meters: Meters | None = None) -> Fallback:
    meter = (meters or Meters()).fallbacks("m", "triton", "onnxruntime")
    return Fallback(first, other, "m", ("triton", "onnxruntime"), meter)


def counted(meters: Meters) -> dict[str, float]:
    """Return how many requests fell back for each reason that there was."""
    labels = {"model": "m", "backend": "triton", "to": "onnxruntime"}
    values = {reason: meters.value("turnout_fallbacks_total", reason=reason, **labels) for reason in FallbackReason}
    return {reason: value for reason, value in values.items() if value}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BackendUnavailableError("reset"), "unavailable"),
        (ForkedAfterLoadError("forked"), "unavailable"),
        (NotReachedError("refused"), "not_reached"),
        (OverloadedError("full"), "overloaded"),
        (CircuitOpenError("open"), "circuit_open"),
        (DeadlineExceededError("late"), "deadline_exceeded"),
        (ModelLoadError("no file"), "not_loaded"),
    ],
)
def test_asks_the_other_backend_when_the_first_is_unavailable(error: TurnoutError, reason: str, meters: Meters) -> None:
    other = Scripted()

    assert falling(Scripted(error), other, meters).infer(REQUEST) is ANSWER

    assert other.requests == [REQUEST]
    assert counted(meters) == {reason: 1}


@pytest.mark.parametrize("error", [InvalidTensorError("shape"), InferenceError("failed"), ClosedError("closed")])
def test_other_errors_pass_through(error: TurnoutError, meters: Meters) -> None:
    other = Scripted()

    assert outcome(falling(Scripted(error), other, meters)) is error

    assert (other.requests, counted(meters)) == ([], {})


def test_a_healthy_first_backend_answers_alone(meters: Meters) -> None:
    other = Scripted()

    assert falling(Scripted(), other, meters).infer(REQUEST) is ANSWER

    assert (other.requests, counted(meters)) == ([], {})


def test_when_both_are_unavailable_the_caller_hears_the_others_error_with_the_firsts_behind_it() -> None:
    first, other = NotReachedError("first"), BackendUnavailableError("other")

    with pytest.raises(BackendUnavailableError, match="other") as caught:
        falling(Scripted(first), Scripted(other)).infer(REQUEST)

    assert caught.value.__context__ is first


@pytest.mark.clock
def test_a_first_backend_that_hangs_leaves_half_of_the_time_to_the_other() -> None:
    fallback = falling(Slow(30), PlusOne())
    start = time.monotonic()

    answer = fallback.infer(InferenceRequest({"x": X}, start + 0.4))

    assert answer["x"].tolist() == [2, 2]
    assert 0.2 <= time.monotonic() - start < 0.4


def test_the_other_backend_gets_the_whole_deadline_and_the_rest_of_the_request() -> None:
    first, other = Scripted(NotReachedError("down")), Scripted()
    request = InferenceRequest({"x": X}, time.monotonic() + 60, "seven", {"key": 1})

    falling(first, other).infer(request)

    assert other.requests == [request]
    (hurried,) = first.requests
    assert (hurried.id, hurried.parameters, hurried.inputs) == ("seven", {"key": 1}, request.inputs)
    assert 29 < hurried.remaining_seconds() <= 30


def test_an_answer_that_usually_takes_more_than_half_of_the_time_is_not_cut_off(meters: Meters) -> None:
    fallback = falling(Slow(0.15), Unavailable(), meters)
    fallback.infer(InferenceRequest({"x": X}))

    answers = [fallback.infer(InferenceRequest({"x": X}, time.monotonic() + 0.25)) for _ in range(3)]

    assert [answer["x"].tolist() for answer in answers] == [[2, 2]] * 3
    assert counted(meters) == {}


def test_cutting_it_off_at_half_would_have_been_seen() -> None:
    fallback = falling(Slow(0.15), Unavailable())  # it has not heard yet how long answers take

    with pytest.raises(BackendUnavailableError):
        fallback.infer(InferenceRequest({"x": X}, time.monotonic() + 0.25))


def test_no_arm_is_called_after_the_deadline(meters: Meters) -> None:
    late, other = DeadlineExceededError("late"), Scripted()

    assert outcome(falling(Scripted(late), other, meters), InferenceRequest({"x": X}, time.monotonic() - 1)) is late

    assert (other.requests, counted(meters)) == ([], {})


def test_comes_back_by_itself() -> None:
    first, other = Scripted(NotReachedError("down")), Scripted()
    fallback = falling(first, other)
    outcomes = [outcome(fallback) for _ in range(2)]
    first.error = None

    outcomes += [outcome(fallback) for _ in range(2)]

    assert outcomes == [ANSWER] * 4
    assert len(other.requests) == 2


def test_the_first_use_is_logged_once(caplog: pytest.LogCaptureFixture, meters: Meters) -> None:
    caplog.set_level(logging.INFO)
    fallback = falling(Unavailable(), PlusOne(), meters)

    at_once(8, lambda: [fallback.infer(REQUEST) for _ in range(50)])

    (logged,) = caplog.records
    assert logged.getMessage() == (
        "model 'm': fallback 'onnxruntime' answers while backend 'triton' is unavailable; see turnout_fallbacks_total. "
        "First error: BackendUnavailableError: this backend is down; use another one, or retry later"
    )
    assert counted(meters) == {"unavailable": 400}


def test_the_end_of_its_use_is_logged_once_and_the_next_outage_again(caplog: pytest.LogCaptureFixture) -> None:
    first, clock = Scripted(BackendUnavailableError("down")), Clock()
    meter = Meters().fallbacks("m", "triton", "onnxruntime")
    fallback = Fallback(first, Scripted(), "m", ("triton", "onnxruntime"), meter, clock)
    used = []

    for second in range(200):
        first.error = BackendUnavailableError("down") if second % 100 < 5 else None
        fallback.infer(REQUEST)
        used.append(fallback.in_use)
        clock.now += 1

    began, ended, again, over = caplog.messages
    assert began.startswith("model 'm': fallback 'onnxruntime' answers while backend 'triton' is unavailable;")
    assert ended == over == "model 'm': backend 'triton' answers again, after 14.0 s of fallback 'onnxruntime'"
    assert again == began
    assert (used[0], used[13], used[14], used[99], used[100]) == (True, True, False, False, True)


def test_a_stream_falls_back_before_its_first_answer_only(meters: Meters) -> None:
    first, other = Scripted(NotReachedError("down")), Scripted()
    assert list(falling(first, other, meters).infer_stream(REQUEST)) == [ANSWER, ANSWER]
    first.error = None
    stream = falling(first, other, meters).infer_stream(REQUEST)
    next(stream)

    with pytest.raises(NotReachedError):
        stream.throw(NotReachedError("down"))

    assert len(other.requests) == 1
    assert counted(meters) == {"not_reached": 1}


class Knows(PlusOne):
    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),))


class Unopened(Unavailable):
    def __init__(self, error: TurnoutError) -> None:
        self._error = error

    def signature(self) -> ModelSignature:
        raise self._error


def test_the_signature_is_the_others_when_the_first_cannot_be_opened() -> None:
    assert falling(Knows(), Unavailable()).signature() == Knows().signature()
    assert falling(Unopened(NotReachedError("down")), Knows()).signature() == Knows().signature()
    assert falling(Unopened(ModelLoadError("no file")), Knows()).signature() == Knows().signature()
    with pytest.raises(InvalidTensorError):
        falling(Unopened(InvalidTensorError("x")), Knows()).signature()


def test_is_ready_when_either_is_and_closes_both() -> None:
    first, other = PlusOne(), PlusOne()
    fallback = falling(first, other)

    assert fallback.ready()
    assert falling(Unavailable(), other).ready()
    assert not falling(Unavailable(), Unavailable()).ready()
    fallback.close()
    assert (first.ready(), other.ready(), fallback.ready()) == (False, False, False)


def test_closes_the_other_though_the_first_fails_to() -> None:
    class Stuck(PlusOne):
        def close(self) -> None:
            raise InferenceError("stuck")

    other = PlusOne()

    with pytest.raises(InferenceError):
        falling(Stuck(), other).close()

    assert not other.ready()
