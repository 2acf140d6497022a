from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from turnout.commands.verify.batching import BatchParity, compare_batching, split_rows
from turnout.errors import InferenceError
from turnout.inference import InferenceResponse
from turnout.parity import Tolerances, Verdict

ROWS = [{"x": np.full((1, 3), row / 8, np.float32)} for row in range(8)]


def good(inputs: Mapping[str, Any]) -> InferenceResponse:
    return InferenceResponse({"y": inputs["x"] * 2})


def wrong_in_row_5_of_8(inputs: Mapping[str, Any]) -> InferenceResponse:
    answer = inputs["x"] * 2
    if len(answer) == 8:
        answer[5] += 0.01
    return InferenceResponse({"y": answer})


def off_by_a_hundredth(inputs: Mapping[str, Any]) -> InferenceResponse:
    return InferenceResponse({"y": inputs["x"] * 2 + np.float32(0.01)})


def found(**arms: Any) -> dict[str, BatchParity]:
    return {parity.backend: parity for parity in compare_batching(arms, ROWS, Tolerances())}


def test_arms_with_equal_answers_match() -> None:
    parities = found(direct=good, triton=good)

    assert [(parity.verdict, parity.changed, parity.text) for parity in parities.values()] == [(Verdict.MATCH, (), "")] * 2


def test_batching_is_named_as_the_cause_of_one_wrong_row_in_a_batch_of_8() -> None:
    triton = found(direct=good, triton=wrong_in_row_5_of_8)["triton"]

    assert (triton.verdict, triton.changed, triton.different_alone) == (Verdict.MISMATCH, (5,), ())
    assert triton.text.startswith(
        "batching, not the backend, changes answers: 'triton' answers row 5 of a batch of 8 differently than alone: output 'y' "
    )
    assert "1.26, expected 1.25" in triton.text


def test_batching_of_the_reference_itself_is_found() -> None:
    parities = found(direct=wrong_in_row_5_of_8, triton=good)

    assert (parities["direct"].changed, parities["triton"].changed) == ((5,), ())


def test_batching_is_not_the_cause_if_the_backend_differs_alone_too() -> None:
    triton = found(direct=good, triton=off_by_a_hundredth)["triton"]

    assert (triton.verdict, triton.changed, triton.different_alone) == (Verdict.MATCH, (), tuple(range(8)))


def test_an_answer_that_changes_from_call_to_call_is_unsteady() -> None:
    random = np.random.default_rng(1)

    def dice(inputs: Mapping[str, Any]) -> InferenceResponse:
        return InferenceResponse({"y": inputs["x"] + random.standard_normal((len(inputs["x"]), 1)).astype(np.float32)})

    parity = found(direct=dice)["direct"]

    assert parity.unsteady == parity.changed
    assert "change from call to call, even alone" in parity.text


def test_a_batch_that_fails_is_reported() -> None:
    def no_batches(inputs: Mapping[str, Any]) -> InferenceResponse:
        return good(inputs) if len(inputs["x"]) == 1 else InferenceResponse({}, error=InferenceError("no room"))

    parity = found(direct=no_batches)["direct"]

    assert parity.changed == tuple(range(8))
    assert parity.text.endswith("rows 0, 1, 2, 3, 4, 5, 6, 7 of a batch of 8 differently than alone: no room")


def test_an_output_without_a_row_for_each_request_is_reported() -> None:
    def summed(inputs: Mapping[str, Any]) -> InferenceResponse:
        return InferenceResponse({"y": inputs["x"].sum(axis=0, keepdims=True)})

    assert "output 'y' is missing" in found(direct=summed)["direct"].text


def test_requests_of_any_batch_size_are_split_into_rows() -> None:
    requests = [{"x": np.arange(6).reshape(2, 3)}, {"x": np.arange(6, 12).reshape(2, 3)}]

    assert [row["x"].tolist() for row in split_rows(requests, 3)] == [[[0, 1, 2]], [[3, 4, 5]], [[6, 7, 8]]]


def test_rows_of_other_shapes_are_skipped() -> None:
    requests = [{"x": np.zeros((1, 3))}, {"x": np.zeros((1, 4))}, {"x": np.ones((1, 3))}]

    assert [row["x"].shape for row in split_rows(requests, 2)] == [(1, 3), (1, 3)]


def test_too_few_rows_are_repeated() -> None:
    rows = split_rows([{"x": np.array([[1.0], [2.0]])}], 5)

    assert [float(row["x"][0, 0]) for row in rows] == [1, 2, 1, 2, 1]


@pytest.mark.parametrize("inputs", [{"x": np.zeros(())}, {"x": np.zeros((2, 1)), "z": np.zeros((3, 1))}, {}])
def test_requests_without_a_batch_axis_have_no_rows(inputs: Any) -> None:
    assert split_rows([inputs], 4) == []
