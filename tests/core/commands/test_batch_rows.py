from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from turnout.commands.batch_rows import shorten_masks, split_rows


def test_requests_of_any_batch_size_are_split_into_rows() -> None:
    requests = [{"x": np.arange(6).reshape(2, 3)}, {"x": np.arange(6, 12).reshape(2, 3)}]

    assert [row["x"].tolist() for row in split_rows(requests, 3)] == [[[0, 1, 2]], [[3, 4, 5]], [[6, 7, 8]]]


def test_rows_of_other_shapes_are_skipped() -> None:
    requests = [{"x": np.zeros((1, 3))}, {"x": np.zeros((1, 4))}, {"x": np.ones((1, 3))}]

    assert [row["x"].shape for row in split_rows(requests, 2)] == [(1, 3), (1, 3)]


def test_too_few_rows_are_repeated_with_their_values_in_another_order() -> None:
    rows = split_rows([{"x": np.array([[1.0, 2.0], [3.0, 4.0]])}], 5)

    assert [row["x"].tolist()[0] for row in rows] == [[1, 2], [3, 4], [2, 1], [4, 3], [1, 2]]


def test_tokens_of_repeated_rows_keep_their_order() -> None:
    rows = split_rows([{"ids": np.array([[5, 6, 7]])}], 2)

    assert [row["ids"].tolist() for row in rows] == [[[5, 6, 7]], [[5, 6, 7]]]


def test_masks_of_ones_are_shortened_to_two_ones_at_least() -> None:
    masks = [shorten_masks({"attention_mask": np.ones((1, 3), np.int64)}, places)["attention_mask"] for places in range(3)]

    assert [mask.tolist()[0] for mask in masks] == [[1, 1, 1], [1, 1, 0], [1, 1, 1]]


def test_other_integers_and_masks_with_padding_stay() -> None:
    row = {"input_ids": np.ones((1, 3), np.int64), "mask": np.array([[1, 1, 0]])}

    assert {name: array.tolist() for name, array in shorten_masks(row, 1).items()} == {
        "input_ids": [[1, 1, 1]],
        "mask": [[1, 1, 0]],
    }


@pytest.mark.parametrize("inputs", [{"x": np.zeros(())}, {"x": np.zeros((2, 1)), "z": np.zeros((3, 1))}, {}])
def test_requests_without_a_batch_axis_have_no_rows(inputs: Any) -> None:
    assert split_rows([inputs], 4) == []
