"""Each caller gets its own rows of a batch, and keeps no other's."""

from __future__ import annotations

import numpy as np
import pytest

from turnout.batching.answers import BatchAnswer, answer_alone
from turnout.batching.queued import QueuedRequest
from turnout.errors import InferenceError
from turnout.inference import InferenceRequest, InferenceResponse


def queued(rows: int) -> QueuedRequest:
    return QueuedRequest(InferenceRequest({"x": np.zeros((rows, 2), np.float32)}, id=f"of {rows}"), rows, None, can_lead=True)


@pytest.mark.parametrize("width", [2, 100_000], ids=["small", "large"])
def test_each_request_gets_a_copy_of_its_rows(width: int) -> None:
    y = np.arange(6, dtype=np.float32)[:, None] * np.ones(width, np.float32)
    answer = BatchAnswer(InferenceResponse({"y": y, "n": np.arange(6)}, timings={"wire": 0.5}), 6, 2.0)
    requests = [queued(1), queued(3), queued(2)]
    for request, first in zip(requests, (0, 1, 4), strict=True):
        request.queue_seconds = first / 10
        request.answer_from(answer, first)

    responses = [request.response() for request in requests]

    assert [response["n"].tolist() for response in responses] == [[0], [1, 2, 3], [4, 5]]
    assert [response.id for response in responses] == ["of 1", "of 3", "of 2"]
    assert [response.timings["queue"] for response in responses] == [0, 0.1, 0.4]
    assert all((response.timings["wire"], response.timings["execution"]) == (0.5, 2.0) for response in responses)
    for response in responses:
        assert response["y"].flags.owndata
        assert response["y"].flags.writeable
        response["y"][:] = -1
    assert np.array_equal(y[:, 0], np.arange(6))


def test_a_large_answer_is_divided_before_its_callers_wake() -> None:
    answer = BatchAnswer(InferenceResponse({"y": np.zeros((2, 100_000), np.float32)}), 2, 0.0)
    request = queued(1)

    request.answer_from(answer, 1)

    assert not answer.is_small
    assert request.response() is request.response()


@pytest.mark.parametrize("shape", [(), (5,), (7, 2), (1, 6)])
def test_an_output_without_a_row_for_each_row_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(InferenceError, match="cannot be divided among its requests; remove dynamic_batching from this model"):
        BatchAnswer(InferenceResponse({"y": np.zeros(shape)}), 6, 0.0)


def test_each_request_of_a_batch_gets_the_version_and_the_backend_that_answered() -> None:
    answer = BatchAnswer(InferenceResponse({"y": np.zeros((2, 1))}, model_version="3", backend="a"), 2, 0.0)
    alone = answer_alone(InferenceResponse({}, "r", model_version="4", backend="b"), 0.0, 0.0)

    part = answer.part(0, 1, "r", 0.0)

    assert (part.model_version, part.backend, alone.model_version, alone.backend) == ("3", "a", "4", "b")
