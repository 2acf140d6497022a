from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from turnout.errors import BackendUnavailableError, ClosedError, DeadlineExceededError, OverloadedError
from turnout.inference import InferenceRequest, InferenceResponse
from turnout.tensors import DTYPES
from turnout.testing import Answers, Fails, PlusOne, Slow, Unavailable
from turnout.testing.samples import plain

ONE = InferenceRequest({"x": np.ones((1, 3), np.float32)}, id="one")


@pytest.mark.parametrize("datatype", [name for name in DTYPES if name not in ("BOOL", "BYTES")])
def test_plus_one_adds_one_to_numbers_and_keeps_their_datatype(datatype: str) -> None:
    values = plain(datatype)

    response = PlusOne().infer(InferenceRequest({"x": values, "scalar": values[0, 0].reshape(())}, id="a"))

    assert response.id == "a"
    assert response["x"].dtype == values.dtype
    assert response["x"].astype(int).tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert response["scalar"].shape == ()


@pytest.mark.parametrize("datatype", ["BOOL", "BYTES"])
def test_plus_one_copies_bool_and_bytes(datatype: str) -> None:
    values = plain(datatype)

    answer = PlusOne().infer(InferenceRequest({"x": values}))["x"]

    assert answer.tolist() == values.tolist()
    assert answer is not values


def test_plus_one_refuses_requests_after_close() -> None:
    model = PlusOne()

    model.close()
    model.close()

    assert not model.ready()
    with pytest.raises(ClosedError):
        model.infer(ONE)


def test_answers_gives_its_response_and_keeps_the_requests() -> None:
    response = InferenceResponse({})
    model = Answers(response)

    assert model.infer(ONE) is response
    assert model.requests == [ONE]


def test_answers_raises_its_error() -> None:
    with pytest.raises(OverloadedError, match="full"):
        Answers(OverloadedError("full")).infer(ONE)


def test_fails_raises_any_error() -> None:
    with pytest.raises(ZeroDivisionError, match="foreign"):
        Fails(ZeroDivisionError("foreign")).infer(ONE)


def test_unavailable_is_not_ready_and_fails() -> None:
    assert not Unavailable().ready()
    with pytest.raises(BackendUnavailableError):
        Unavailable().infer(ONE)


def test_slow_answers_after_its_time() -> None:
    start = time.monotonic()

    response = Slow(0.05).infer(ONE)

    assert response["x"].tolist() == [[2, 2, 2]]
    assert time.monotonic() - start >= 0.05


def test_slow_sets_started_and_can_be_released() -> None:
    model = Slow(60)
    answers: list[InferenceResponse] = []
    thread = threading.Thread(target=lambda: answers.append(model.infer(ONE)))

    thread.start()
    assert model.started.wait(10)
    model.release()
    thread.join(10)

    assert answers[0]["x"].tolist() == [[2, 2, 2]]


def test_slow_gives_up_at_the_deadline() -> None:
    request = InferenceRequest(ONE.inputs, deadline=time.monotonic() + 0.02, id="late")

    with pytest.raises(DeadlineExceededError, match="'late' takes 60 s"):
        Slow(60).infer(request)


def test_slow_ends_its_waits_on_close() -> None:
    model = Slow(60)

    model.close()

    assert not model.ready()
    with pytest.raises(ClosedError):
        model.infer(ONE)
