"""A traceable module for a model with ``method: generate``."""

from __future__ import annotations

import logging

import torch  # noqa: TID253  this module is imported by an export only

from turnout import ModelDeclaration
from turnout.tensors import TensorSpec
from turnout_direct.export.decoding import Decoding
from turnout_direct.export.generate.architecture import Architecture
from turnout_direct.export.generate.beam import BeamDecoding, BeamSettings
from turnout_direct.export.generate.generate_inputs import example_inputs, generate_inputs
from turnout_direct.export.generate.greedy import GreedyDecoding
from turnout_direct.export.generate.loop import DecodingLoop, FixedPromptDecoding
from turnout_direct.export.generate.registry import architecture_of
from turnout_direct.export.generate.settings import beams_of, rules_of, suggested_max_length, width_of
from turnout_direct.export.generate.token_rules import TokenRules
from turnout_direct.export.half_precision import dtype_name
from turnout_direct.export.traceable import Traceable, sizes_of
from turnout_direct.generate_method import GenerateMethod
from turnout_direct.length_limit import LengthLimit, limit_of
from turnout_direct.options import DirectOptions

logger = logging.getLogger(__name__)


def generate_traceable(model: ModelDeclaration, options: DirectOptions, module: torch.nn.Module) -> Traceable:
    """Return ``generate()`` of ``module`` for export as one graph, with output ``generated_ids`` INT64 [-1, max_length].

    Raises:
        ExportError: no adapter exists for the module's class, or a graph cannot express a setting or a declared input.
    """
    architecture = architecture_of(model.name, module)
    decoder = architecture.family.decoder
    settings = options.generate.arguments(), decoder.generation_config.to_dict()
    beams, rules = beams_of(model.name, *settings), rules_of(model.name, architecture.family, *settings)
    limit = limit_of(architecture.family, options.generate)
    inputs = _fix_prompt(model, architecture, limit, generate_inputs(model, architecture))
    width = width_of(model.name, architecture, limit, _prompt_width(architecture, inputs))
    decoding = _create_decoding(architecture, beams, rules, width, limit.max_new_tokens)
    empty = architecture.family.default_prompt
    if empty is not None and len(inputs) == len(architecture.family.pictures):
        decoding = FixedPromptDecoding(decoding, empty)
    # A prompt must leave room for one generated token.
    longest = max(length for length in (width, width - 1) if architecture.family.start_length(length) < width)
    return Traceable(
        model=model.name,
        label=type(module).__name__,
        module=DecodingLoop(decoding),
        inputs=inputs,
        outputs=("generated_ids",),
        example=lambda batch, seed=0: example_inputs(architecture.family, inputs, batch, longest=longest, seed=seed),
        reference=DirectReference(GenerateMethod(module, model, options.generate), inputs),
        decoding=decoding,
        max_batch_size=model.max_batch_size,
        dtype=dtype_name(module),
    )


def _fix_prompt(
    model: ModelDeclaration, architecture: Architecture, limit: LengthLimit, inputs: tuple[TensorSpec, ...]
) -> tuple[TensorSpec, ...]:
    """Return ``inputs``, with the length of an empty prompt if the width would depend on it and turnout.yaml declares none."""
    empty = architecture.family.default_prompt
    if model.inputs or empty is None or limit.max_length is not None or architecture.family.start == "first_token":
        return inputs
    logger.warning(
        "model %r: 'max_new_tokens: %s' counts from the end of the prompt, and a graph has one width: the file takes requests "
        "without a prompt (%d tokens, as 'caption' sends them); for prompts write 'generate: {max_length: %d}' in its place",
        model.name,
        limit.max_new_tokens,
        len(empty),
        suggested_max_length(architecture, limit),
    )
    pictures, prompts = inputs[:-2], inputs[-2:]
    return (*pictures, *(TensorSpec(spec.name, spec.datatype, (-1, len(empty))) for spec in prompts))


def _create_decoding(
    architecture: Architecture, beams: BeamSettings | None, rules: TokenRules | None, width: int, new_tokens: int | None
) -> Decoding:
    if beams is None:
        return GreedyDecoding(architecture, rules, width=width, new_tokens=new_tokens)
    return BeamDecoding(architecture, beams, rules, width=width, new_tokens=new_tokens)


class DirectReference:
    """Answers like the backend ``direct``: each row as transformers answers it alone."""

    def __init__(self, generate: GenerateMethod, inputs: tuple[TensorSpec, ...]) -> None:
        self.generate = generate
        self.names = [spec.name for spec in inputs]

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.generate(dict(zip(self.names, inputs, strict=True)))["generated_ids"],)


def _prompt_width(architecture: Architecture, inputs: tuple[TensorSpec, ...]) -> int | None:
    if len(inputs) == len(architecture.family.pictures):
        return len(architecture.family.default_prompt or ())
    declared = sizes_of(inputs[-1])[1]
    return None if declared == -1 else declared
