"""Exporting a model that answers by ``generate()``."""

from __future__ import annotations

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelDeclaration
from turnout.tensors import TensorSpec
from turnout_direct.export.generate.architecture import Architecture
from turnout_direct.export.generate.greedy import GreedyDecoding
from turnout_direct.export.generate.inputs import example_inputs, generate_inputs
from turnout_direct.export.generate.registry import architecture_of
from turnout_direct.export.generate.settings import check_greedy, width_of
from turnout_direct.export.traceable import Traceable, sizes_of
from turnout_direct.generate import Generate, limit_of
from turnout_direct.options import DirectOptions


class Unprompted(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Answers about pictures without prompts: ``pixel_values`` FP32 [B, 3, H, W] -> ``generated_ids``."""

    def __init__(self, decoding: torch.nn.Module, tokens: tuple[int, ...]) -> None:
        super().__init__()
        self.decoding = decoding
        self.tokens = tokens

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        ids = torch.tensor([self.tokens], device=pixel_values.device).expand(pixel_values.shape[0], -1)
        return self.decoding(pixel_values, ids, torch.ones_like(ids))


def generate_traceable(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module) -> Traceable:
    """Return ``generate()`` of ``module``, ready for export as one graph.

    Its output is ``generated_ids`` INT64 [-1, max_length].

    Raises:
        ExportError: there is no adapter for the module's class, or a setting or declared input has no form in the graph.
    """
    architecture = architecture_of(model.name, module)
    inputs = generate_inputs(model, architecture)
    decoder = architecture.family.decoder
    check_greedy(model.name, options.generate.arguments(), decoder.generation_config.to_dict())
    limit = limit_of(architecture.family, options.generate)
    width = width_of(model.name, architecture, limit, _prompt_width(architecture, inputs))
    graph: torch.nn.Module = GreedyDecoding(architecture, width=width, new_tokens=limit.max_new_tokens)
    answer: torch.nn.Module = DirectAnswer(Generate(module, model, options.generate))
    if len(inputs) == 1 and architecture.unprompted is not None:
        graph, answer = Unprompted(graph, architecture.unprompted), Unprompted(answer, architecture.unprompted)
    return Traceable(
        model=model.name,
        label=type(module).__name__,
        module=graph,
        inputs=inputs,
        outputs=("generated_ids",),
        example=lambda batch: example_inputs(architecture.family, inputs, batch, longest=width),
        answer=lambda *tensors: (answer(*tensors),),
    )


class DirectAnswer(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Answers as the backend ``direct`` does, each row as transformers answers it alone."""

    def __init__(self, generate: Generate) -> None:
        super().__init__()
        self.generate = generate

    def forward(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        inputs = {"pixel_values": pixel_values, "input_ids": input_ids, "attention_mask": attention_mask}
        return self.generate(inputs)["generated_ids"]


def _prompt_width(architecture: Architecture, inputs: tuple[TensorSpec, ...]) -> int | None:
    if len(inputs) == 1:
        return len(architecture.unprompted or ())
    declared = sizes_of(inputs[1])[1]
    return None if declared == -1 else declared
