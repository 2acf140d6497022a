"""A checkpoint with random weights that let an input reach the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from benchmarks.compatibility.architecture import Architecture
from benchmarks.compatibility.samples import sample_rows

from turnout.tensors.rows import stack_rows

SETTLING_ROWS = 8


def save_checkpoint(architecture: Architecture, folder: Path) -> int:
    """Write a checkpoint of ``architecture`` to ``folder`` and return its number of parameters."""
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(architecture.seed)
    module = getattr(transformers, architecture.name)(config_of(architecture.config))
    scatter(module, architecture.seed)
    settle(module.eval(), architecture)
    module.save_pretrained(folder)
    return sum(weight.numel() for weight in module.parameters())


def config_of(settings: Mapping[str, Any]) -> Any:
    """Return the config of transformers with ``settings``; a nested one that names its ``model_type`` becomes a config too."""
    kind = transformers.AutoConfig.for_model(settings["model_type"]).__class__
    given = {key: _nested(value) for key, value in settings.items() if key != "model_type"}
    if settings["model_type"] == "vision-encoder-decoder":
        encoder, decoder = (given.pop(part) for part in ("encoder", "decoder"))
        return kind.from_encoder_decoder_configs(encoder, decoder, **given)
    return kind(**given)


def _nested(value: Any) -> Any:
    return config_of(value) if isinstance(value, Mapping) and "model_type" in value else value


def scatter(module: torch.nn.Module, seed: int) -> None:
    """Give each weight a value of its own.

    The values of a new model hide faults: layers that scale by 1e-6, biases of zero, means of zero.
    """
    random = torch.Generator().manual_seed(seed)

    def normal(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=random)

    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.ndim >= 2:
                weight.copy_(normal(weight) * weight[0].numel() ** -0.5)
            elif weight.ndim == 1:
                weight.copy_(0.1 * normal(weight) + (0.0 if name.endswith("bias") else 1.0))


def settle(module: torch.nn.Module, architecture: Architecture) -> None:
    """Let each batch normalization take the mean and variance of random inputs, as a training does.

    Without this the values of a deep net shrink layer by layer, until its output no longer depends on its input.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return
    batch = stack_rows(sample_rows(architecture, first_seed=0, count=SETTLING_ROWS), SETTLING_ROWS)
    for layer in layers:
        layer.momentum = None
        layer.train()
    with torch.inference_mode():
        module(**{name: torch.from_numpy(array) for name, array in batch.items()})
    module.eval()
