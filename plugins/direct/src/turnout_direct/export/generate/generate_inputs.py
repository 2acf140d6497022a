"""Input specs and example inputs for the graph of ``generate()``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from turnout import ModelDeclaration
from turnout.errors import ExportError, suggestion
from turnout.tensors import TensorSpec
from turnout_direct.export.generate.architecture import Architecture
from turnout_direct.export.traceable import free_size, sizes_of
from turnout_direct.generation_family import GenerationFamily

if TYPE_CHECKING:
    import torch

EXAMPLE_LENGTH = 6


def generate_inputs(model: ModelDeclaration, architecture: Architecture) -> tuple[TensorSpec, ...]:
    """Return the specs of ``pixel_values``, ``input_ids`` and ``attention_mask``, with sizes from turnout.yaml.

    A declaration of ``pixel_values`` alone gives a graph without prompts.

    Raises:
        ExportError: the declared inputs do not match the model's.
    """
    known = {spec.name: spec for spec in architecture.family.input_specs()}
    declared = {spec.name: spec for spec in model.inputs} or known
    for name in declared:
        if name not in known:
            raise ExportError(
                f"model {model.name!r}: input {name!r} is declared, but generate() takes: {', '.join(known)}."
                f"{suggestion(name, known)} Correct 'inputs' in turnout.yaml"
            )
    if architecture.default_prompt is None or set(declared) != {"pixel_values"}:
        _check_complete(model.name, declared, known)
    return tuple(_merge(model.name, declared[name], spec) for name, spec in known.items() if name in declared)


def example_inputs(
    family: GenerationFamily, inputs: tuple[TensorSpec, ...], batch: int, *, longest: int, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Return random images with random prompts of mixed lengths up to ``longest``, padded on the right; reproducible."""
    import torch

    random = torch.Generator().manual_seed(batch + 100 * seed)
    rows, *image = sizes_of(inputs[0])
    rows = batch if rows == -1 else rows
    pixel_values = torch.randn(rows, *image, generator=random)
    if len(inputs) == 1:
        return (pixel_values,)
    declared = sizes_of(inputs[1])[1]
    width = min(free_size(EXAMPLE_LENGTH, batch) + family.image_tokens, longest) if declared == -1 else declared
    shortest = max(min(2, width), family.image_tokens)
    lengths = (width - torch.arange(rows) % width).clamp(min=shortest, max=longest)
    mask = torch.arange(width) < lengths[:, None]
    ids = torch.randint(0, family.vocabulary, (rows, width), generator=random)
    return pixel_values, torch.where(mask, _place_image_tokens(ids, family), family.pad), mask.long()


def _place_image_tokens(ids: torch.Tensor, family: GenerationFamily) -> torch.Tensor:
    """Return ``ids`` with image tokens at their start and nowhere else."""
    import torch

    if family.image_token is None:
        return ids
    free = torch.where(ids == family.image_token, (family.image_token + 1) % family.vocabulary, ids)
    return torch.where(torch.arange(ids.shape[1]) < family.image_tokens, family.image_token, free)


def _check_complete(model: str, declared: Mapping[str, TensorSpec], known: Mapping[str, TensorSpec]) -> None:
    for name, spec in known.items():
        if name not in declared:
            raise ExportError(
                f"model {model!r}: input {name!r} {spec} is not declared, but generate() needs it; add it to turnout.yaml"
            )


def _merge(model: str, declared: TensorSpec, known: TensorSpec) -> TensorSpec:
    pairs = list(zip(sizes_of(declared), sizes_of(known), strict=False))
    fits = len(sizes_of(declared)) == len(sizes_of(known)) and all(-1 in pair or pair[0] == pair[1] for pair in pairs)
    if declared.datatype != known.datatype or not fits:
        raise ExportError(
            f"model {model!r}: input {known.name!r} is declared as {declared}, but the checkpoint takes {known}; "
            "correct it in turnout.yaml"
        )
    return TensorSpec(known.name, known.datatype, tuple(max(pair) for pair in pairs))
