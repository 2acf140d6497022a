from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from turnout import ExportRequest, ModelDeclaration, ModelSignature
from turnout.tensors import TensorSpec
from turnout_direct.deprecations import torchscript_allowed
from turnout_direct.export.module import export_module
from turnout_direct.export.torchscript import TorchScript, export_torchscript
from turnout_direct.options import DirectOptions

LENGTH, PAD = 16, 0
SEEDS = {"BlipForConditionalGeneration": 0, "BlipForQuestionAnswering": 2}


class Scripted(NamedTuple):
    """A model with the file that was made of it."""

    model: Any
    file: Path
    module: torch.jit.ScriptModule
    signature: ModelSignature

    def answer(self, batch: Any) -> np.ndarray:
        with torch.inference_mode():
            return self.module(*batch.tensors()).numpy()


def load(file: Path) -> torch.jit.ScriptModule:
    with torchscript_allowed():
        return torch.jit.load(str(file))


def options_of(class_name: str = "BlipForConditionalGeneration", **generate: Any) -> DirectOptions:
    settings = {"loader": "transformers", "class": class_name, "checkpoint": "checkpoint"}
    return DirectOptions(**settings, method="generate", generate=generate)


@pytest.fixture(scope="session", params=SEEDS)
def scripted(request, blip, tmp_path_factory) -> Scripted:
    folder = tmp_path_factory.mktemp(request.param)
    model = blip(request.param, SEEDS[request.param])
    model.save_pretrained(folder / "checkpoint")
    file = folder / "model.pt"
    declared, options = ModelDeclaration("blip", folder), options_of(request.param, max_length=LENGTH)
    signature = export_torchscript(ExportRequest(declared, options, file))
    return Scripted(model, file, load(file), signature)


@pytest.mark.parametrize("rows", range(1, 9))
def test_the_module_answers_each_row_as_transformers_does_alone(scripted, rows, batch_of, alone, differing):
    for seed, longest in enumerate((2, 3, 7, 12)):
        batch = batch_of(10 * rows + seed, rows, longest)

        assert differing(scripted.answer(batch), alone(scripted.model, batch, LENGTH)) == []


def test_a_sabotaged_module_is_noticed(scripted, batch_of, alone, differing):
    batch = batch_of(0, 4, 5)
    module = load(scripted.file)
    for node in module.graph.findAllNodes("aten::argmax"):
        smallest = module.graph.create("aten::argmin", list(node.inputs()))
        smallest.insertBefore(node)
        node.output().replaceAllUsesWith(smallest.output())

    got = scripted._replace(module=module).answer(batch)

    assert differing(got, alone(scripted.model, batch, LENGTH))


def test_the_module_has_the_declared_contract(scripted):
    assert scripted.signature == ModelSignature(
        inputs=(
            TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)),
            TensorSpec("input_ids", "INT64", (-1, -1)),
            TensorSpec("attention_mask", "INT64", (-1, -1)),
        ),
        outputs=(TensorSpec("generated_ids", "INT64", (-1, LENGTH)),),
    )
    names = [argument.name for argument in scripted.module.forward.schema.arguments[1:]]
    assert names == [spec.name for spec in scripted.signature.inputs]


def test_the_file_holds_the_weights_once_with_little_around_them(scripted):
    weights = sum(weight.numel() * 4 for weight in scripted.model.parameters())

    assert scripted.file.stat().st_size < weights + 60_000
    assert "cpu" not in scripted.module.code


def test_a_declaration_of_pictures_alone_gives_a_module_without_prompts(blip, batch_of, differing, alone, tmp_path):
    model = blip("BlipForConditionalGeneration", 0)
    declared = ModelDeclaration("blip", inputs=(TensorSpec("pixel_values", "FP32", (-1, 3, 32, 32)),))

    signature = export_module(declared, options_of(max_length=LENGTH), model, tmp_path / "model.pt", TorchScript())

    assert signature.inputs == declared.inputs
    module = load(tmp_path / "model.pt")
    for rows in (1, 4):
        batch = batch_of(rows, rows, 2)
        assert differing(module(batch.pixel_values), alone(model, batch, LENGTH)) == []
