from __future__ import annotations

from typing import Any

import pytest
import torch

from turnout.errors import InvalidTensorError
from turnout_direct.prompt_groups import group_prompts

IDS = torch.tensor([[1, 2, 3], [4, 5, 0], [6, 7, 8]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1]])
BATCH = {"pixel_values": torch.arange(3.0).reshape(3, 1, 1, 1), "input_ids": IDS, "attention_mask": MASK}


def test_rows_are_grouped_by_the_length_of_their_prompts() -> None:
    short, long = group_prompts(BATCH, "m")

    assert (short.rows.tolist(), short.input_ids.tolist(), short.pixel_values.flatten().tolist()) == ([1], [[4, 5]], [1])
    assert (long.rows.tolist(), long.input_ids.tolist()) == ([0, 2], [[1, 2, 3], [6, 7, 8]])


def test_a_group_does_not_share_memory_with_the_request() -> None:
    for group in group_prompts(BATCH, "m"):
        group.input_ids[...] = 9

    assert IDS.max() == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": MASK}, "generates from pixel_values, input_ids, attention_mask; got: .*pixels. Send these three"),
        ({"attention_mask": MASK.flip(1)}, r"ones, at least one, then zeros in each row; row 1 is \[0, 1, 1\]"),
        ({"attention_mask": MASK * 0}, "row 0 is"),
        ({"attention_mask": MASK[:, :2]}, r"input_ids \[3, 3\], attention_mask \[3, 2\]"),
        ({"pixel_values": torch.zeros(2, 3, 8, 8)}, r"got pixel_values \[2, 3, 8, 8\]"),
        ({"input_ids": IDS.float()}, r"'input_ids' must be INT64, got torch\.float32"),
    ],
)
def test_inputs_of_another_form_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTensorError, match=message):
        list(group_prompts(BATCH | change, "m"))


def test_missing_inputs_are_refused() -> None:
    with pytest.raises(InvalidTensorError, match=r"model 'm' generates from .*; got: nothing"):
        list(group_prompts({}, "m"))
