"""Small modules, and fixtures that open them as models."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from turnout import InferenceRequest, ModelDeclaration
from turnout.tensors import parse_spec
from turnout_direct.inference import DirectInference, open_model
from turnout_direct.options import DirectOptions

Open = Callable[..., DirectInference]

# BiRefNet's contract: forward(x) returns a list of logit maps; the last one is the mask.
REMOTE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel

class MapsConfig(PretrainedConfig):
    model_type = "turnout_maps"

class Maps(PreTrainedModel):
    config_class = MapsConfig

    def __init__(self, config):
        super().__init__(config)
        self.convolution = torch.nn.Conv2d(3, 1, 1)
        self.post_init()

    def forward(self, x):
        last = self.convolution(x)
        return [last * 0, last * 0 + 1, last]
"""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the factories of ``modules/`` importable."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "modules"))


@pytest.fixture
def open_direct(tmp_path: Path, _modules: None) -> Open:
    """Return a function that opens a model: ``open_direct(outputs={...}, loader=..., ...)``."""

    def open_it(
        inputs: dict[str, str] | None = None, outputs: dict[str, str] | None = None, folder: Path = tmp_path, **options: Any
    ) -> DirectInference:
        specs = [tuple(parse_spec(name, text) for name, text in (given or {}).items()) for given in (inputs, outputs)]
        return open_model(ModelDeclaration("m", folder, *specs), DirectOptions.model_validate(options))

    return open_it


@pytest.fixture
def open_module(open_direct: Open) -> Open:
    """Return a function that opens a module of ``modules/turnout_test_modules.py`` by its class: ``open_module("Echo")``."""

    def open_it(kind: str, inputs: Any = None, outputs: Any = None, **options: Any) -> DirectInference:
        return open_direct(inputs, outputs, loader="factory", factory=f"turnout_test_modules:{kind}", **options)

    return open_it


@pytest.fixture
def infer() -> Callable[..., Any]:
    """Return a function that sends arrays by name: ``infer(model, x=array)``."""
    return lambda model, **arrays: model.infer(InferenceRequest(arrays, id="r"))


@pytest.fixture
def segformer(tmp_path: Path) -> torch.nn.Module:
    """Return a tiny segmenter of transformers, saved in the folder ``checkpoint`` of ``tmp_path``."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        num_labels=1, depths=[1, 1], hidden_sizes=[8, 16], num_encoder_blocks=2, num_attention_heads=[1, 2],
        sr_ratios=[2, 1], patch_sizes=[7, 3], strides=[4, 2], mlp_ratios=[2, 2], decoder_hidden_size=16,
    )  # fmt: skip
    model = SegformerForSemanticSegmentation(config).eval()
    model.save_pretrained(tmp_path / "checkpoint")
    return model


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkpoint folder with its own Python, like BiRefNet's."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("sys.path", list(sys.path))
    folder = tmp_path / "maps"
    folder.mkdir()
    (folder / "modeling_maps.py").write_text(REMOTE)
    code = {"AutoConfig": "modeling_maps.MapsConfig", "AutoModelForImageSegmentation": "modeling_maps.Maps"}
    (folder / "config.json").write_text(json.dumps({"model_type": "turnout_maps", "auto_map": code}))
    weights = {"convolution.weight": torch.full((1, 3, 1, 1), 2.0), "convolution.bias": torch.zeros(1)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
