"""Groups of rows whose prompts have equal length, from a batch padded on the right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from turnout.errors import InvalidTensorError
from turnout_direct.generation_family import GenerationFamily

if TYPE_CHECKING:
    import torch

PROMPT = ("input_ids", "attention_mask")


class PromptGroup(NamedTuple):
    """Rows of a request whose prompts have one length, without padding.

    Attributes:
        rows: INT64 [G], the rows' indices in the request.
        pictures: the inputs that are no prompt, by name, batch axis first; copies.
        input_ids: INT64 [G, length], a copy; length 0 for a model without prompts.
    """

    rows: torch.Tensor
    pictures: Mapping[str, torch.Tensor]
    input_ids: torch.Tensor


def group_prompts(inputs: Mapping[str, torch.Tensor], family: GenerationFamily, model: str) -> Iterator[PromptGroup]:
    """Yield the rows of a request, grouped by the length of their prompts; a model without prompts has one group.

    Raises:
        InvalidTensorError: an input is missing or unknown, batch sizes differ, or a prompt is empty or not padded on the right.
    """
    import torch

    _check(inputs, family, model)
    count = len(inputs[family.pictures[0].name])
    everything = torch.arange(count, device=inputs[family.pictures[0].name].device)
    if family.prompt is None:
        if count:
            yield _group(inputs, family, everything, everything.new_zeros(count, 0))
        return
    lengths = _lengths(inputs["attention_mask"], model)
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero().squeeze(1)
        yield _group(inputs, family, rows, inputs["input_ids"][rows, :length])


def _group(
    inputs: Mapping[str, torch.Tensor], family: GenerationFamily, rows: torch.Tensor, prompts: torch.Tensor
) -> PromptGroup:
    # Indexing by a tensor copies, so that generation cannot write to the request.
    return PromptGroup(rows, {spec.name: inputs[spec.name][rows] for spec in family.pictures}, prompts)


def _lengths(attention_mask: torch.Tensor, model: str) -> torch.Tensor:
    import torch

    mask = attention_mask != 0
    lengths = mask.sum(dim=1)
    columns = torch.arange(mask.shape[1], device=mask.device)
    wrong = ((columns < lengths.unsqueeze(1)) != mask).any(dim=1) | (lengths == 0)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise InvalidTensorError(
            f"tensor 'attention_mask' must be ones, at least one, then zeros in each row; row {row} is "
            f"{attention_mask[row].tolist()[:32]}, for model {model!r}; pad prompts on the right"
        )
    return lengths


def _check(inputs: Mapping[str, torch.Tensor], family: GenerationFamily, model: str) -> None:
    specs = family.input_specs()
    if set(inputs) != {spec.name for spec in specs}:
        names = ", ".join(spec.name for spec in specs)
        raise InvalidTensorError(
            f"model {model!r} generates from {names}; got: {', '.join(inputs) or 'nothing'}. Send these {len(specs)}"
        )
    shapes = {spec.name: list(inputs[spec.name].shape) for spec in specs}
    ranks = all(len(shapes[spec.name]) == len(spec.shape or ()) for spec in specs)
    if not ranks or len({shape[0] for shape in shapes.values()}) > 1 or not _prompts_fit(shapes, family):
        raise InvalidTensorError(
            f"model {model!r} takes {', '.join(f'{spec.name} {spec}' for spec in specs)} of one batch; "
            f"got {', '.join(f'{name} {shape}' for name, shape in shapes.items())}"
        )
    for spec in specs:
        if spec.datatype == "INT64" and inputs[spec.name].is_floating_point():
            raise InvalidTensorError(f"tensor {spec.name!r} must be INT64, got {inputs[spec.name].dtype}, for model {model!r}")


def _prompts_fit(shapes: Mapping[str, list[int]], family: GenerationFamily) -> bool:
    return family.prompt is None or shapes["input_ids"] == shapes["attention_mask"]
