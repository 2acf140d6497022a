from __future__ import annotations

import pytest
import torch
from torch import nn

from turnout import ModelDeclaration
from turnout.errors import ExportError
from turnout.tensors import TensorSpec
from turnout_direct.export.forward import forward_traceable

LEFT, RIGHT = TensorSpec("left", "FP32", (-1, 4)), TensorSpec("right", "FP32", (-1, 4))


class Difference(nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"difference": left - right, "sum": left + right}


def test_inputs_go_by_name_where_forward_has_the_names():
    traceable = forward_traceable(ModelDeclaration("m", inputs=(RIGHT, LEFT)), Difference(), {})

    right, left = torch.ones(2, 4), torch.zeros(2, 4)

    assert traceable.outputs == ("difference", "sum")
    assert torch.equal(traceable.module(right, left)[0], left - right)


def test_inputs_go_by_position_where_forward_has_other_names():
    inputs = (TensorSpec("a", "FP32", (-1, 4)), TensorSpec("b", "FP32", (-1, 4)))

    traceable = forward_traceable(ModelDeclaration("m", inputs=inputs), Difference(), {"d": "difference"})

    assert traceable.outputs == ("d",)
    assert torch.equal(traceable.module(torch.ones(2, 4), torch.zeros(2, 4))[0], torch.ones(2, 4))


def test_inputs_that_nobody_declares_are_read_from_a_vision_models_config():
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(image_size=16, patch_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)

    traceable = forward_traceable(ModelDeclaration("m"), ViTModel(config).eval(), {"state": "last_hidden_state"})

    assert traceable.inputs == (TensorSpec("pixel_values", "FP32", (-1, 3, 16, 16)),)


def test_inputs_that_nobody_knows_are_asked_for():
    with pytest.raises(ExportError, match=r"model 'm' \(Difference\) does not tell the shapes.*declare them in turnout.yaml"):
        forward_traceable(ModelDeclaration("m"), Difference(), {})


def test_inputs_of_unknown_rank_or_of_text_are_refused():
    for spec, reason in (
        (TensorSpec("left", "FP32", None), "the shape of input 'left' is unknown"),
        (TensorSpec("left", "BYTES", (-1,)), "input 'left' is BYTES, which cannot be exported"),
    ):
        with pytest.raises(ExportError, match=reason):
            forward_traceable(ModelDeclaration("m", inputs=(spec, RIGHT)), Difference(), {})


def test_inputs_that_the_module_cannot_take_are_shown_as_declared():
    inputs = (LEFT, TensorSpec("right", "FP32", (-1, 3)))

    with pytest.raises(ExportError, match=r"fails on inputs of the declared form 'left' FP32 \[-1, 4\], 'right' FP32 \[-1, 3\]"):
        forward_traceable(ModelDeclaration("m", inputs=inputs), Difference(), {})


def test_torchscript_is_refused_with_the_way_out():
    script = torch.jit.script(nn.Linear(4, 4)) if False else torch.jit.ScriptModule()

    with pytest.raises(ExportError, match="is TorchScript.*load it from its class or a factory"):
        forward_traceable(ModelDeclaration("m", inputs=(LEFT,)), script, {})
