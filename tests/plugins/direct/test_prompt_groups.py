from __future__ import annotations

from typing import Any

import pytest
import torch

from turnout.errors import InvalidTensorError
from turnout.tensors import TensorSpec
from turnout_direct.generation_family import GenerationFamily
from turnout_direct.prompt_groups import group_prompts

IDS = torch.tensor([[1, 2, 3], [4, 5, 0], [6, 7, 8]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1]])
BATCH = {"pixel_values": torch.arange(3.0).reshape(3, 1, 1, 1), "input_ids": IDS, "attention_mask": MASK}

CODES: dict[str, Any] = {"decoder": torch.nn.Identity(), "vocabulary": 60, "ends": (2,), "pad": 0, "shortest": 1}
FAMILY = GenerationFamily(start="prompt", pictures=(TensorSpec("pixel_values", "FP32", (-1, 3, 8, 8)),), **CODES)
PATCHES = (TensorSpec("flattened_patches", "FP32", (-1, -1, 5)), TensorSpec("attention_mask", "FP32", (-1, -1)))
PROMPTLESS = GenerationFamily(start="first_token", pictures=PATCHES, prompt=None, **CODES)


def test_rows_are_grouped_by_the_length_of_their_prompts() -> None:
    short, long = group_prompts(BATCH, FAMILY, "m")

    assert (short.rows.tolist(), short.input_ids.tolist(), short.pictures["pixel_values"].flatten().tolist()) == (
        [1],
        [[4, 5]],
        [1],
    )
    assert (long.rows.tolist(), long.input_ids.tolist()) == ([0, 2], [[1, 2, 3], [6, 7, 8]])


def test_a_group_does_not_share_memory_with_the_request() -> None:
    for group in group_prompts(BATCH, FAMILY, "m"):
        group.input_ids[...] = 9

    assert IDS.max() == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": MASK}, "generates from pixel_values, input_ids, attention_mask; got: .*pixels. Send these 3"),
        ({"attention_mask": MASK.flip(1)}, r"ones, at least one, then zeros in each row; row 1 is \[0, 1, 1\]"),
        ({"attention_mask": MASK * 0}, "row 0 is"),
        ({"attention_mask": MASK[:, :2]}, r"input_ids \[3, 3\], attention_mask \[3, 2\]"),
        ({"pixel_values": torch.zeros(2, 3, 8, 8)}, r"got pixel_values \[2, 3, 8, 8\]"),
        ({"input_ids": IDS.float()}, r"'input_ids' must be INT64, got torch\.float32"),
    ],
)
def test_inputs_of_another_form_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidTensorError, match=message):
        list(group_prompts(BATCH | change, FAMILY, "m"))


def test_missing_inputs_are_refused() -> None:
    with pytest.raises(InvalidTensorError, match=r"model 'm' generates from .*; got: nothing"):
        list(group_prompts({}, FAMILY, "m"))


def test_a_model_without_prompts_has_one_group_with_all_its_inputs() -> None:
    inputs = {"flattened_patches": torch.randn(3, 7, 5), "attention_mask": torch.ones(3, 7)}

    (group,) = group_prompts(inputs, PROMPTLESS, "m")

    assert (group.rows.tolist(), list(group.pictures), group.input_ids.shape) == ([0, 1, 2], list(inputs), (3, 0))
    assert list(group_prompts({name: tensor[:0] for name, tensor in inputs.items()}, PROMPTLESS, "m")) == []


def test_a_prompt_for_a_model_without_prompts_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match=r"generates from flattened_patches, attention_mask; got: .*. Send these 2"):
        list(group_prompts({"flattened_patches": torch.zeros(1, 7, 5), "input_ids": IDS}, PROMPTLESS, "m"))
