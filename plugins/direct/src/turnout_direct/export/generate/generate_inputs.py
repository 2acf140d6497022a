"""Input specs and example inputs for the graph of ``generate()``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from turnout import ModelDeclaration
from turnout.errors import ExportError, suggestion
from turnout.tensors import TensorSpec
from turnout_direct.export.generate.architecture import Architecture
from turnout_direct.export.generate.example_pictures import example_pictures
from turnout_direct.export.traceable import free_size, sizes_of
from turnout_direct.generation_family import GenerationFamily

if TYPE_CHECKING:
    import torch

EXAMPLE_LENGTH = 6


def generate_inputs(model: ModelDeclaration, architecture: Architecture) -> tuple[TensorSpec, ...]:
    """Return the specs of the inputs, such as ``pixel_values``, ``input_ids``, ``attention_mask``; sizes are turnout.yaml's.

    A declaration of the picture alone gives a graph without prompts.

    Raises:
        ExportError: the declared inputs do not match the model's.
    """
    family = architecture.family
    known = {spec.name: spec for spec in family.input_specs()}
    declared = {spec.name: spec for spec in model.inputs} or known
    for name in declared:
        if name not in known:
            raise ExportError(
                f"model {model.name!r}: input {name!r} is declared, but generate() takes: {', '.join(known)}."
                f"{suggestion(name, known)} Correct 'inputs' in turnout.yaml"
            )
    if family.default_prompt is None or set(declared) != {spec.name for spec in family.pictures}:
        _check_complete(model.name, declared, known)
    return tuple(_merge(model.name, declared[name], spec) for name, spec in known.items() if name in declared)


def example_inputs(
    family: GenerationFamily, inputs: tuple[TensorSpec, ...], batch: int, *, longest: int, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Return random images with random prompts of mixed lengths up to ``longest``, padded on the right; reproducible."""
    import torch

    random = torch.Generator().manual_seed(batch + 100 * seed)
    rows = sizes_of(inputs[0])[0]
    rows = batch if rows == -1 else rows
    pictures = inputs[: len(family.pictures)]
    examples = example_pictures(pictures, rows, free_size(EXAMPLE_LENGTH, batch), random)
    if len(inputs) == len(pictures):
        return examples
    image_tokens = _count_image_tokens(family, examples[0])
    # A prompt that the encoder reads takes no room from the answer.
    longest += image_tokens if family.start == "first_token" else 0
    declared = sizes_of(inputs[-1])[1]
    width = min(free_size(EXAMPLE_LENGTH, batch) + image_tokens, longest) if declared == -1 else declared
    shortest = max(min(2, width), image_tokens)
    lengths = (width - torch.arange(rows) % width).clamp(min=shortest, max=longest)
    mask = torch.arange(width) < lengths[:, None]
    ids = torch.randint(0, family.vocabulary, (rows, width), generator=random)
    if family.first_token is not None:
        ids[:, 0] = family.first_token
    return *examples, torch.where(mask, _place_image_tokens(ids, family, image_tokens), family.pad), mask.long()


def _count_image_tokens(family: GenerationFamily, picture: torch.Tensor) -> int:
    return 0 if family.image_token is None else family.count_image_tokens(*picture.shape[-2:])


def _place_image_tokens(ids: torch.Tensor, family: GenerationFamily, count: int) -> torch.Tensor:
    """Return ``ids`` with ``count`` image tokens at their start and nowhere else."""
    import torch

    if family.image_token is None:
        return ids
    free = torch.where(ids == family.image_token, (family.image_token + 1) % family.vocabulary, ids)
    return torch.where(torch.arange(ids.shape[1]) < count, family.image_token, free)


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
