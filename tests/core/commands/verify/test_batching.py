from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from turnout.commands.batch_rows import split_rows
from turnout.commands.verify.batching import BatchParity, compare_batching
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

    assert (parity.changed, parity.sizes) == ((0, 1), (2,))
    assert parity.text.endswith("rows 0, 1 of a batch of 2 differently than alone: no room")


def test_an_output_without_a_row_for_each_request_is_reported() -> None:
    def summed(inputs: Mapping[str, Any]) -> InferenceResponse:
        return InferenceResponse({"y": inputs["x"].sum(axis=0, keepdims=True)})

    text = found(direct=summed)["direct"].text
    assert "output 'y' is FP32 [1, 3] for one row and FP32 [1, 3] for a batch of 2: it has no row for each request" in text
    assert "write 'max_batch_size: 1' in turnout.yaml" in text


def test_a_batch_on_a_second_axis_is_reported() -> None:
    def scores(inputs: Mapping[str, Any]) -> InferenceResponse:
        return InferenceResponse({"scores": inputs["x"] @ inputs["x"].T})

    text = found(direct=scores)["direct"].text

    assert "FP32 [2, 2] for a batch of 2: axis 1 depends on the other rows" in text
    assert "max_batch_size: 1" in text


def test_statistics_of_the_batch_are_reported() -> None:
    def centered(inputs: Mapping[str, Any]) -> InferenceResponse:
        return InferenceResponse({"y": inputs["x"] - inputs["x"].mean(axis=0)})

    assert found(direct=centered)["direct"].verdict is Verdict.MISMATCH


def test_batches_larger_than_the_rows_repeat_them() -> None:
    def wrong_above_30(inputs: Mapping[str, Any]) -> InferenceResponse:
        return InferenceResponse({"y": inputs["x"] * (2 if len(inputs["x"]) < 30 else 3)})

    (parity,) = compare_batching({"direct": wrong_above_30}, ROWS, Tolerances(), largest=32)

    # Rows of zeros are right.
    assert (parity.sizes, parity.rows, 0 in parity.changed, 9 in parity.changed) == ((2, 3, 32), 32, False, True)


def test_a_batch_that_would_take_too_long_is_smaller() -> None:
    def slow(inputs: Mapping[str, Any]) -> InferenceResponse:
        time.sleep(0.02 * len(inputs["x"]))
        return good(inputs)

    (parity,) = compare_batching({"direct": slow}, ROWS, Tolerances(), largest=1000, budget_seconds=0.2)

    assert parity.verdict is Verdict.MATCH
    assert 3 <= parity.rows <= 10
    assert parity.largest == 1000


def test_one_request_is_enough_to_find_a_mean_over_the_batch() -> None:
    def centered(inputs: Mapping[str, Any]) -> InferenceResponse:
        return InferenceResponse({"y": inputs["x"] - inputs["x"].mean(axis=0)})

    rows = split_rows([{"x": np.array([[1, 2, 3]], np.float32)}], 4)

    assert compare_batching({"direct": centered}, rows, Tolerances())[0].changed == (0, 1)
