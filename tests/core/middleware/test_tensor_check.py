"""Checking tensors: each bad request gets its one error, the next good one works."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import (
    BackendUnavailableError,
    DeadlineExceededError,
    InferenceError,
    InvalidRequestError,
    InvalidTensorError,
)
from turnout.middleware.tensor_check import TensorCheck
from turnout.tensors import TensorSpec
from turnout.testing import Answers, PlusOne, Streams

PIXELS = TensorSpec("pixel_values", "FP32", (-1, 3, 4, -1))
IDS = TensorSpec("input_ids", "INT64", (-1, 2), optional=True)
SIGNATURE = ModelSignature((PIXELS, IDS))
GOOD = np.zeros((2, 3, 4, 9), np.float32)
GOOD_IDS = np.zeros((2, 2), np.int64)


def _request(**inputs: Any) -> InferenceRequest:
    return InferenceRequest(inputs)


def _check(max_batch_size: int = 4, declared: ModelSignature = SIGNATURE) -> TensorCheck:
    return TensorCheck(PlusOne(), "blip", declared, max_batch_size)


BAD: list[tuple[Mapping[str, Any], str]] = [
    ({}, "model 'blip' needs input 'pixel_values' (FP32 [-1, 3, 4, -1]); got: nothing"),
    ({"input_ids": GOOD_IDS}, "model 'blip' needs input 'pixel_values' (FP32 [-1, 3, 4, -1]); got: input_ids"),
    (
        {"pixel_value": GOOD},
        (
            "model 'blip' has no input 'pixel_value'; it takes: pixel_values FP32 [-1, 3, 4, -1], input_ids INT64 [-1, 2]."
            " Did you mean 'pixel_values'?"
        ),
    ),
    (
        {"pixel_values": GOOD.astype(np.float64)},
        (
            "tensor 'pixel_values' must be FP32 [-1, 3, 4, -1], got FP64 [2, 3, 4, 9], for model 'blip'; "
            "convert it before the call"
        ),
    ),
    ({"pixel_values": GOOD[0]}, "must be FP32 [-1, 3, 4, -1], got FP32 [3, 4, 9]"),
    ({"pixel_values": np.array(1, np.float32)}, "got FP32 []"),
    ({"pixel_values": np.zeros((2, 1, 4, 9), np.float32)}, "got FP32 [2, 1, 4, 9]"),
    ({"pixel_values": np.array(["x"], object)}, "got BYTES [1]"),
    ({"pixel_values": GOOD, "input_ids": GOOD_IDS.astype(np.int32)}, "tensor 'input_ids' must be INT64 [-1, 2]"),
    (
        {"pixel_values": GOOD, "input_ids": np.zeros((1, 2), np.int64)},
        "have one batch size, got 'pixel_values' 2, 'input_ids' 1",
    ),
    (
        {"pixel_values": np.zeros((5, 3, 4, 1), np.float32)},
        "batch of 5 is over max_batch_size 4 of model 'blip'; split the request",
    ),
    ({"pixel_values": GOOD.tolist()}, "tensor 'pixel_values' must be a numpy array, got list, for model 'blip'"),
    ({"pixel_values": None}, "tensor 'pixel_values' must be a numpy array, got NoneType"),
    ({"pixel_values": GOOD, "other": GOOD}, "model 'blip' has no input 'other'"),
    ({"pixel_values": GOOD.astype(np.complex64)}, "got numpy complex64"),
]


@pytest.mark.parametrize(("inputs", "said"), BAD, ids=[said[:60] for _, said in BAD])
def test_a_bad_request_gets_one_clear_error_and_the_next_good_one_an_answer(inputs: Mapping[str, Any], said: str) -> None:
    model = _check()

    with pytest.raises(InvalidTensorError) as caught:
        model.infer(InferenceRequest(inputs))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert model.infer(_request(pixel_values=GOOD))["pixel_values"].max() == 1


def test_a_bad_request_never_reaches_the_model() -> None:
    inner = Answers(InferenceResponse({}))
    model = TensorCheck(inner, "blip", SIGNATURE, 4)

    for inputs, _ in BAD:
        with pytest.raises(InvalidTensorError):
            model.infer(InferenceRequest(inputs))

    assert inner.requests == []


def test_optional_inputs_may_be_given() -> None:
    assert set(_check().infer(_request(pixel_values=GOOD, input_ids=GOOD_IDS))) == {"pixel_values", "input_ids"}


@pytest.mark.parametrize("size", [1, 4])
def test_every_batch_up_to_the_largest_is_accepted(size: int) -> None:
    batch = np.zeros((size, 3, 4, 2), np.float32)

    assert _check().infer(_request(pixel_values=batch))["pixel_values"].shape == (size, 3, 4, 2)


def test_a_batch_of_no_rows_is_refused_as_triton_does() -> None:
    with pytest.raises(InvalidTensorError, match=r"batch of 0 rows; model 'blip' takes 1 to 4") as caught:
        _check().infer(_request(pixel_values=np.zeros((0, 3, 4, 2), np.float32)))

    assert caught.value.field == "pixel_values"


def test_the_shape_of_a_big_endian_or_strided_array_counts_not_its_memory() -> None:
    array = np.zeros((2, 3, 9, 4), ">f4").swapaxes(2, 3)

    assert _check().infer(_request(pixel_values=array))["pixel_values"].shape == (2, 3, 4, 9)


def test_a_scalar_has_no_batch_size() -> None:
    model = _check(declared=ModelSignature((TensorSpec("x", "FP32", None),)))

    with pytest.raises(InvalidTensorError, match="must have one batch size, got 'x' None"):
        model.infer(_request(x=np.array(1, np.float32)))


def test_without_a_batch_axis_first_sizes_may_differ_and_be_large() -> None:
    specs = (TensorSpec("x", "FP32", (-1,)), TensorSpec("y", "FP32", (-1,)))
    model = _check(0, ModelSignature(specs))

    response = model.infer(_request(x=np.zeros(9, np.float32), y=np.zeros(2, np.float32)))

    assert [array.size for array in response.values()] == [9, 2]


def test_a_model_that_knows_nothing_of_itself_takes_any_arrays() -> None:
    model = TensorCheck(PlusOne(), "blip")

    assert model.infer(_request(anything=GOOD)).outputs.keys() == {"anything"}
    assert model.infer(_request()).outputs == {}


class Knows(PlusOne):
    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec("x", "FP32", (-1,)),), (TensorSpec("x", "FP32", (-1,)),))


def test_the_backends_own_signature_counts_where_nothing_is_declared() -> None:
    model = TensorCheck(Knows(), "m")

    with pytest.raises(InvalidTensorError, match=r"tensor 'x' must be FP32 \[-1\], got INT64 \[1\]"):
        model.infer(_request(x=np.zeros(1, np.int64)))

    assert model.signature() == Knows().signature()


def test_what_is_declared_wins_over_the_backends_own_signature() -> None:
    declared = (TensorSpec("x", "INT64", (-1,)),)
    model = TensorCheck(Knows(), "m", ModelSignature(declared))

    assert model.infer(_request(x=np.zeros(1, np.int64)))["x"].tolist() == [1]
    assert model.signature() == ModelSignature(declared, Knows().signature().outputs)


def test_more_shapes_than_are_remembered_are_still_checked() -> None:
    model = TensorCheck(Knows(), "m")

    for size in range(600):
        assert model.infer(_request(x=np.zeros(size, np.float32)))["x"].shape == (size,)
    with pytest.raises(InvalidTensorError):
        model.infer(_request(x=np.zeros((1, 1), np.float32)))


OUTPUT = TensorSpec("logits", "FP32", (-1, 2))


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (
            {"logit": np.zeros((1, 2), np.float32)},
            (
                "model 'm' returned no output 'logits', which turnout.yaml declares; it returned: logit. "
                "Correct 'outputs' of the model"
            ),
        ),
        ({}, "it returned: nothing"),
        (
            {"logits": np.zeros((1, 3), np.float32)},
            (
                "model 'm' returned 'logits' as FP32 [1, 3], turnout.yaml declares FP32 [-1, 2]; "
                "correct 'outputs' of the model; if the response is right, declare outputs: {logits: 'FP32[-1,3]'}"
            ),
        ),
        ({"logits": np.zeros((1, 2), np.float64)}, "returned 'logits' as FP64 [1, 2]"),
    ],
)
def test_an_answer_that_breaks_what_is_declared_is_an_inference_error(outputs: dict[str, Any], said: str) -> None:
    model = TensorCheck(Answers(InferenceResponse(outputs)), "m", ModelSignature((), (OUTPUT,)))

    with pytest.raises(InferenceError) as caught:
        model.infer(_request())

    assert said in str(caught.value)


def test_an_answer_that_keeps_what_is_declared_passes_and_may_hold_more() -> None:
    outputs: dict[str, Any] = {"logits": np.zeros((1, 2), np.float32), "extra": np.zeros(1)}
    inner: ModelInference = Answers(InferenceResponse(outputs))

    assert set(TensorCheck(inner, "m", ModelSignature((), (OUTPUT,))).infer(_request())) == {"logits", "extra"}


def test_a_request_past_its_deadline_is_not_started() -> None:
    inner = Answers(InferenceResponse({}))
    model = TensorCheck(inner, "m")

    with pytest.raises(DeadlineExceededError):
        model.infer(InferenceRequest({}, deadline=time.monotonic() - 1))
    model.infer(InferenceRequest({}, deadline=time.monotonic() + 60))

    assert len(inner.requests) == 1


def test_a_streamed_request_is_checked_before_it_starts_and_every_answer_of_it() -> None:
    promised = ModelSignature(SIGNATURE.inputs, (TensorSpec("y", "FP32", (1,)),))
    good, bad = (InferenceResponse({"y": np.zeros(size, np.float32)}) for size in (1, 2))
    check = TensorCheck(Streams(good, bad), "blip", promised)

    with pytest.raises(InvalidTensorError, match="has no input 'pixels'"):
        next(check.infer_stream(_request(pixels=GOOD)))
    answers = check.infer_stream(_request(pixel_values=GOOD))

    assert next(answers) is good
    with pytest.raises(InferenceError, match="returned 'y' as FP32"):
        next(answers)


class Changes(PlusOne):
    """Takes input ``before``, and after ``change`` input ``after``; counts how often it is asked for its signature."""

    def __init__(self, *, knows: bool = True) -> None:
        super().__init__()
        self.name = self.shown = "before"
        self.knows, self.asked = knows, 0

    def change(self) -> None:
        self.name = "after"

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        if self.name not in request.inputs:
            raise InvalidRequestError(f"unexpected input, expected {self.name}")
        return super().infer(request)

    def refresh(self, deadline: float | None = None) -> None:
        self.asked += 1
        if not self.knows:
            raise BackendUnavailableError("down")
        self.shown = self.name

    def signature(self) -> ModelSignature:
        return ModelSignature((TensorSpec(self.shown, "FP32", (-1,)),))


ONE = np.ones(1, np.float32)
Ask = Callable[[TensorCheck, InferenceRequest], InferenceResponse]


def _await(model: TensorCheck, request: InferenceRequest) -> InferenceResponse:
    return asyncio.run(model.ainfer(request))


DOORS = pytest.mark.parametrize("ask", [TensorCheck.infer, _await], ids=["infer", "ainfer"])


@DOORS
def test_a_right_request_for_a_changed_model_is_answered_at_once(ask: Ask) -> None:
    inner = Changes()
    model = TensorCheck(inner, "m")
    ask(model, _request(before=ONE))
    inner.change()

    assert list(ask(model, _request(after=ONE))) == ["after"]
    assert inner.asked == 1


@DOORS
def test_a_request_for_the_model_of_before_gets_the_error_of_the_new_one(ask: Ask) -> None:
    inner = Changes()
    model = TensorCheck(inner, "m")
    ask(model, _request(before=ONE))
    inner.change()

    with pytest.raises(InvalidTensorError, match="no input 'before'; it takes: after"):
        ask(model, _request(before=ONE))

    assert list(ask(model, _request(after=ONE))) == ["after"]


def test_a_stream_of_a_changed_model_starts_at_once() -> None:
    inner = Changes()
    model = TensorCheck(inner, "m")
    model.infer(_request(before=ONE))
    inner.change()

    assert [list(response) for response in model.infer_stream(_request(after=ONE))] == [["after"]]


@DOORS
def test_a_bad_caller_makes_the_model_be_asked_once_a_second(ask: Ask) -> None:
    inner, now = Changes(), [0.0]
    model = TensorCheck(inner, "m", clock=lambda: now[0])

    for tenth in range(100):
        now[0] = tenth / 10
        with pytest.raises(InvalidTensorError):
            ask(model, _request(wrong=ONE))

    assert inner.asked == 10


@DOORS
def test_a_server_that_cannot_be_asked_leaves_the_first_error(ask: Ask) -> None:
    inner = Changes(knows=False)
    model = TensorCheck(inner, "m")
    ask(model, _request(before=ONE))
    inner.change()

    with pytest.raises(InvalidRequestError, match="unexpected input, expected after"):
        ask(model, _request(before=ONE))


def test_a_fresh_look_does_not_block_the_event_loop() -> None:
    turned = threading.Event()

    class AnswersWithTheLoop(Changes):
        def refresh(self, deadline: float | None = None) -> None:
            assert turned.wait(20)
            super().refresh(deadline)

    async def main() -> list[str]:
        inner = AnswersWithTheLoop()
        model = TensorCheck(inner, "m")
        await model.ainfer(_request(before=ONE))
        inner.change()
        answer = asyncio.create_task(model.ainfer(_request(after=ONE)))
        await asyncio.sleep(0.01)
        turned.set()
        return list(await answer)

    assert asyncio.run(main()) == ["after"]


def test_refresh_asks_whatever_was_asked_before(caplog) -> None:
    inner = Changes()
    model = TensorCheck(inner, "m")
    with pytest.raises(InvalidTensorError):
        model.infer(_request(wrong=ONE))
    inner.change()

    model.refresh()

    assert list(model.infer(_request(after=ONE))) == ["after"]
    assert "model 'm' has another signature now" in caplog.text


def test_refresh_of_an_unused_model_keeps_it_unread() -> None:
    inner = Changes()

    TensorCheck(inner, "m").refresh()

    assert inner.asked == 1
