"""Exporting a model that answers by ``generate()``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelDeclaration
from turnout_direct.export.generate.architecture import Architecture
from turnout_direct.export.generate.greedy import GreedyDecoding
from turnout_direct.export.generate.inputs import example_inputs, generate_inputs
from turnout_direct.export.generate.registry import architecture_of
from turnout_direct.export.generate.settings import check_greedy, max_length
from turnout_direct.export.traceable import Traceable


class Unprompted(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Answers about pictures without prompts: ``pixel_values`` FP32 [B, 3, H, W] -> ``generated_ids``."""

    def __init__(self, decoding: torch.nn.Module, tokens: tuple[int, ...]) -> None:
        super().__init__()
        self.decoding = decoding
        self.tokens = tokens

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        ids = torch.tensor([self.tokens], device=pixel_values.device).expand(pixel_values.shape[0], -1)
        return self.decoding(pixel_values, ids, torch.ones_like(ids))


def generate_traceable(model: ModelDeclaration, module: torch.nn.Module, generation: Mapping[str, Any]) -> Traceable:
    """Return ``generate()`` of ``module`` with the settings ``generation``, ready for export as one graph.

    Its output is ``generated_ids`` INT64 [-1, max_length].

    Raises:
        ExportError: there is no adapter for the module's class, or a setting or declared input has no form in the graph.
    """
    architecture = architecture_of(model.name, module)
    inputs = generate_inputs(model, architecture)
    own = architecture.own_settings
    check_greedy(model.name, generation, own)
    prompt = 1 if len(inputs) == 1 else architecture.prompt_length
    length = max_length(model.name, generation, own, prompt=prompt, positions=architecture.positions)
    graph: torch.nn.Module = GreedyDecoding(architecture, max_length=length)
    if len(inputs) == 1 and architecture.unprompted is not None:
        graph = Unprompted(graph, architecture.unprompted)
    return Traceable(
        model=model.name,
        label=type(module).__name__,
        module=graph,
        inputs=inputs,
        outputs=("generated_ids",),
        example=lambda batch: example_inputs(architecture, inputs, batch, longest=length),
        answer=lambda *tensors: (answer_rows(architecture, length, *tensors),),
    )


def answer_rows(
    architecture: Architecture,
    length: int,
    pixel_values: torch.Tensor,
    input_ids: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return what transformers' own ``generate()`` answers to each row alone, unpadded, as ``generated_ids``.

    Alone, because transformers' answers to padded batches depend on the padding.
    """
    answers = torch.full((pixel_values.shape[0], length), architecture.tokens.pad)
    for row, picture in enumerate(pixel_values):
        prompt = {}
        if input_ids is not None and attention_mask is not None:
            ids = input_ids[row, attention_mask[row] != 0][None]
            prompt = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        answer = architecture.model.generate(pixel_values=picture[None], **prompt, do_sample=False, max_length=length)
        answers[row, : answer.shape[1]] = answer[0]
    return answers
