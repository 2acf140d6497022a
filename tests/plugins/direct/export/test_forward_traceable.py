from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.forward_traceable import forward_traceable
from turnout_direct.options import DirectOptions

LEFT, RIGHT = TensorSpec("left", "FP32", (-1, 4)), TensorSpec("right", "FP32", (-1, 4))


def options_of(**settings: Any) -> DirectOptions:
    return DirectOptions(loader="factory", factory="somewhere:make", **settings)


class Difference(nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"difference": left - right, "sum": left + right}


def test_inputs_are_passed_by_name_if_forward_has_the_names():
    traceable = forward_traceable(ModelDeclaration("m", inputs=(RIGHT, LEFT)), options_of(), Difference())

    right, left = torch.ones(2, 4), torch.zeros(2, 4)

    assert traceable.outputs == ("difference", "sum")
    assert torch.equal(traceable.module(right, left)[0], left - right)


def test_a_single_input_is_passed_by_position_if_forward_names_it_otherwise():
    traceable = forward_traceable(ModelDeclaration("m", inputs=(LEFT,)), options_of(), nn.Linear(4, 2))

    assert traceable.outputs == ("output",)
    assert traceable.module(torch.ones(3, 4))[0].shape == (3, 2)


def test_options_and_declaration_name_the_outputs():
    declared = ModelDeclaration("m", inputs=(LEFT, RIGHT), outputs=(TensorSpec("sum", "FP32", (-1, 4)),))

    assert forward_traceable(declared, options_of(), Difference()).outputs == ("sum",)
    assert forward_traceable(declared, options_of(returns={"d": "difference"}), Difference()).outputs == ("d",)


def test_half_precision_stays_inside():
    declared = ModelDeclaration("m", inputs=(LEFT,))

    traceable = forward_traceable(declared, options_of(dtype="bfloat16"), nn.Linear(4, 2).to(torch.bfloat16))

    assert traceable.module(torch.ones(3, 4))[0].dtype == torch.float32


def test_undeclared_inputs_are_read_from_a_vision_models_config():
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(
        image_size=16, patch_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )

    traceable = forward_traceable(
        ModelDeclaration("m"), options_of(returns={"state": "last_hidden_state"}), ViTModel(config).eval()
    )

    assert traceable.inputs == (TensorSpec("pixel_values", "FP32", (-1, 3, 16, 16)),)


def test_unknown_inputs_must_be_declared():
    with pytest.raises(
        ExportError, match=r"model 'm' \(Difference\) does not declare the shapes.*declare them in turnout.yaml"
    ):
        forward_traceable(ModelDeclaration("m"), options_of(), Difference())


def test_inputs_of_unknown_rank_or_of_text_are_refused():
    for spec, reason in (
        (TensorSpec("left", "FP32", None), "the shape of input 'left' is unknown"),
        (TensorSpec("left", "BYTES", (-1,)), "input 'left' is BYTES, which cannot be exported"),
    ):
        with pytest.raises(ExportError, match=reason):
            forward_traceable(ModelDeclaration("m", inputs=(spec, RIGHT)), options_of(), Difference())


def test_inputs_on_which_the_module_fails_are_shown_as_declared():
    inputs = (LEFT, TensorSpec("right", "FP32", (-1, 3)))

    with pytest.raises(ExportError, match=r"fails on inputs 'left' FP32 \[-1, 4\], 'right' FP32 \[-1, 3\]"):
        forward_traceable(ModelDeclaration("m", inputs=inputs), options_of(), Difference())
