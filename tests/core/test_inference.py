"""Requests, responses, the contract's defaults."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from turnout import InferenceRequest, InferenceResponse, ModelInference, ModelSignature
from turnout.errors import DeadlineExceededError, InferenceError, InvalidTensorError
from turnout.inference import request_of

X = np.ones(2, np.float32)


class Named(ModelInference):
    """Answers with the name of the thread it runs in."""

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        return InferenceResponse({}, threading.current_thread().name)


def test_a_request_without_a_deadline_has_all_the_time() -> None:
    request = InferenceRequest({"x": X})

    request.check_deadline()

    assert request.remaining_seconds() is None


def test_a_request_past_its_deadline_has_no_time_left_and_says_so() -> None:
    request = InferenceRequest({"x": X}, deadline=time.monotonic() - 1, id="r7")

    assert request.remaining_seconds() == 0
    with pytest.raises(DeadlineExceededError, match=r"^request 'r7' is 1\.\d+ s past its deadline"):
        request.check_deadline()


def test_a_request_before_its_deadline_counts_down() -> None:
    request = request_of({"x": X}, timeout_seconds=60)

    request.check_deadline()

    assert 0 < (request.remaining_seconds() or 0) <= 60


def test_requests_and_responses_are_frozen() -> None:
    with pytest.raises(AttributeError):
        InferenceRequest({}).id = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        InferenceResponse({}).id = "other"  # type: ignore[misc]


def test_arrays_are_passed_on_without_a_copy() -> None:
    inputs = {"x": X}

    assert request_of(inputs).inputs["x"] is X


def test_a_request_is_returned_itself() -> None:
    request = InferenceRequest({"x": X})

    assert request_of(request) is request


def test_lists_numbers_and_text_become_arrays() -> None:
    request = request_of({"a": [1.5, 2], "b": 3, "c": "text"}, id="r", parameters={"p": 1})

    assert {name: array.dtype.kind for name, array in request.inputs.items()} == {"a": "f", "b": "i", "c": "O"}
    assert request.inputs["b"].shape == ()
    assert (request.id, request.parameters) == ("r", {"p": 1})


def test_a_big_endian_array_becomes_native_with_the_same_values() -> None:
    request = request_of({"x": np.array([1, 2], ">i4")})

    assert request.inputs["x"].dtype.isnative
    assert request.inputs["x"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([X], "inputs must map names to arrays, got list; write {'pixel_values': array}"),
        ({"x": [[1], [1, 2]]}, "tensor 'x' cannot become an array"),
        ({"x": [1j]}, "numpy dtype 'complex128' has no KServe v2 datatype"),
    ],
)
def test_what_cannot_become_a_request_is_refused(inputs: object, said: str) -> None:
    with pytest.raises(InvalidTensorError) as caught:
        request_of(inputs)  # type: ignore[arg-type]

    assert said in str(caught.value)


def test_a_response_is_a_mapping_of_its_outputs() -> None:
    response = InferenceResponse({"y": X}, "r")

    assert (dict(response), len(response), "y" in response, "z" in response) == ({"y": X}, 1, True, False)


def test_reading_an_output_that_is_not_there_suggests_one() -> None:
    with pytest.raises(InvalidTensorError, match=r"no output 'logit'; it has: logits\. Did you mean 'logits'\?"):
        InferenceResponse({"logits": X})["logit"]


def test_reading_an_output_of_a_failed_response_raises_its_error() -> None:
    error = InferenceError("the model failed")

    with pytest.raises(InferenceError) as caught:
        InferenceResponse({}, error=error)["y"]

    assert caught.value is error


def test_a_model_is_ready_knows_nothing_and_closes_twice_by_default() -> None:
    model = Named()

    model.close()
    model.close()

    assert model.ready()
    assert model.signature() == ModelSignature()


def test_ainfer_runs_infer_in_another_thread() -> None:
    response = asyncio.run(Named().ainfer(InferenceRequest({})))

    assert response.id != threading.current_thread().name
