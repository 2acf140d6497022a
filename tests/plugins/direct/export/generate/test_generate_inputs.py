from __future__ import annotations

import pytest

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.generate.blip2 import Blip2WithOpt
from turnout_direct.export.generate.generate_inputs import example_inputs, generate_inputs

PICTURES = TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32))
IDS, MASK = TensorSpec("input_ids", "INT64", (-1, -1)), TensorSpec("attention_mask", "INT64", (-1, -1))


def test_without_a_declaration_everything_is_free_but_the_picture(captioner):
    assert generate_inputs(ModelDeclaration("m"), captioner) == (PICTURES, IDS, MASK)


def test_declared_sizes_are_kept_in_the_order_of_the_contract(captioner):
    ids, mask = TensorSpec("input_ids", "INT64", (-1, 12)), TensorSpec("attention_mask", "INT64", (-1, 12))
    declared = ModelDeclaration("m", inputs=(mask, ids, TensorSpec("pixel_values", "FP32", (-1, 3, -1, -1))))

    assert generate_inputs(declared, captioner) == (PICTURES, ids, mask)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ((PICTURES, IDS, TensorSpec("atention_mask", "INT64", (-1, -1))), "Did you mean 'attention_mask'"),
        ((PICTURES, IDS), r"input 'attention_mask' INT64 \[-1, -1\] is not declared"),
        ((PICTURES, TensorSpec("input_ids", "INT32", (-1, -1)), MASK), r"declared as INT32 \[-1, -1\], but.*INT64 \[-1, -1\]"),
        ((TensorSpec("pixel_values", "FP32", (-1, 3, 64, 64)), IDS, MASK), r"\[-1, 3, 64, 64\], but.*\[-1, 3, 32, 32\]"),
        ((TensorSpec("pixel_values", "FP32", (3, 32, 32)), IDS, MASK), r"\[3, 32, 32\], but"),
    ],
)
def test_inputs_that_the_model_does_not_have_are_refused(inputs, reason, captioner):
    with pytest.raises(ExportError, match=f"^model 'm'.*{reason}"):
        generate_inputs(ModelDeclaration("m", inputs=inputs), captioner)


def test_pictures_alone_are_enough_for_a_captioner_only(captioner, answerer):
    declared = ModelDeclaration("m", inputs=(PICTURES,))

    assert generate_inputs(declared, captioner) == (PICTURES,)
    with pytest.raises(ExportError, match=r"input 'input_ids'.*is not declared"):
        generate_inputs(declared, answerer)


def test_examples_have_prompts_of_mixed_lengths_padded_on_the_right(captioner):
    pictures, ids, mask = example_inputs(captioner.family, (PICTURES, IDS, MASK), 2, longest=9)

    assert pictures.shape == (2, 3, 32, 32)
    assert mask.sum(1).tolist() == [6, 5]
    assert mask.tolist() == mask.sort(dim=1, descending=True).values.tolist()
    assert ids[mask == 0].unique().tolist() == [captioner.family.pad]


def test_the_largest_example_has_longer_prompts_that_a_fixed_length_would_not_fit(captioner):
    _, _, mask = example_inputs(captioner.family, (PICTURES, IDS, MASK), 3, longest=16)

    assert mask.sum(1).tolist() == [9, 8, 7]


def test_examples_are_never_longer_than_the_answer(captioner):
    declared = (PICTURES, TensorSpec("input_ids", "INT64", (-1, 12)), TensorSpec("attention_mask", "INT64", (-1, 12)))

    _, ids, mask = example_inputs(captioner.family, declared, 4, longest=3)

    assert ids.shape == (4, 12)
    assert int(mask.sum(1).max()) == 3


def test_examples_for_blip2_have_image_tokens_at_the_start_only(blip):
    family = Blip2WithOpt("m", blip("Blip2ForConditionalGeneration/opt", 0)).family

    _, ids, mask = example_inputs(family, (PICTURES, IDS, MASK), 3, longest=30)

    assert mask.sum(1).tolist() == [13, 12, 11]
    assert (ids == family.image_token).nonzero()[:, 1].tolist() == [0, 1, 2, 3] * 3
