"""Which requests may share a batch."""

from __future__ import annotations

import numpy as np
import pytest

from turnout.batching.rows import rows_and_group
from turnout.inference import InferenceRequest

X, MASK = np.zeros((2, 3), np.float32), np.ones((2, 3), np.int64)


def group(inputs: dict[str, np.ndarray], **parameters: object) -> object:
    return rows_and_group(InferenceRequest(inputs, parameters=parameters))[1]


@pytest.mark.parametrize("inputs", [{"x": X}, {"x": X, "mask": MASK}], ids=["one input", "two inputs"])
@pytest.mark.parametrize("parameters", [{"priority": 1}, {"timeout": 5}, {"priority": 2, "timeout": 5}, {}], ids=str)
def test_words_for_the_scheduler_keep_no_request_out_of_a_batch(inputs, parameters) -> None:
    assert group(inputs, **parameters) == rows_and_group(InferenceRequest(inputs))[1] is not None


@pytest.mark.parametrize(
    ("inputs", "parameters"),
    [
        ({"x": X}, {"beam": 4}),
        ({"x": X}, {"beam": 1, "priority": 1}),
        ({"y": X}, {}),
        ({"x": X.astype(np.float64)}, {}),
        ({"x": np.zeros((2, 4), np.float32)}, {}),
        ({"x": np.zeros((2, 3, 1), np.float32)}, {}),
        ({"x": X, "mask": MASK}, {}),
    ],
    ids=str,
)
def test_other_requests_have_batches_of_their_own(inputs, parameters) -> None:
    assert group(inputs, **parameters) != group({"x": X})


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_the_number_of_rows_and_the_order_of_inputs_do_not_matter(rows: int) -> None:
    more = {"mask": np.ones((rows, 3), np.int64), "x": np.zeros((rows, 3), np.float32)}

    assert rows_and_group(InferenceRequest(more)) == (rows, group({"x": X, "mask": MASK}))


@pytest.mark.parametrize(
    "inputs",
    [{"x": np.zeros((0, 3))}, {"x": np.float32(1)}, {"x": X, "y": np.zeros((3, 1))}, {}],
    ids=["none", "scalar", "ragged", "{}"],
)
def test_a_request_without_rows_runs_alone(inputs) -> None:
    assert group(inputs) is None
