"""Groups of rows whose prompts have equal length, from a batch padded on the right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from turnout.errors import InvalidTensorError

if TYPE_CHECKING:
    import torch

INPUTS = ("pixel_values", "input_ids", "attention_mask")


class PromptGroup(NamedTuple):
    """Rows of a request whose prompts have one length, without padding.

    Attributes:
        rows: INT64 [G], the rows' indices in the request.
        pixel_values: FP32 [G, 3, H, W].
        input_ids: INT64 [G, length], a copy.
    """

    rows: torch.Tensor
    pixel_values: torch.Tensor
    input_ids: torch.Tensor


def group_prompts(inputs: Mapping[str, torch.Tensor], model: str) -> Iterator[PromptGroup]:
    """Yield the rows of a request, grouped by the length of their prompts.

    Raises:
        InvalidTensorError: an input is missing or unknown, batch sizes differ, or a prompt is empty or not padded on the right.
    """
    import torch

    _check(inputs, model)
    mask = inputs["attention_mask"] != 0
    lengths = mask.sum(dim=1)
    columns = torch.arange(mask.shape[1], device=mask.device)
    wrong = ((columns < lengths.unsqueeze(1)) != mask).any(dim=1) | (lengths == 0)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise InvalidTensorError(
            f"tensor 'attention_mask' must be ones, at least one, then zeros in each row; row {row} is "
            f"{inputs['attention_mask'][row].tolist()[:32]}, for model {model!r}; pad prompts on the right"
        )
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero().squeeze(1)
        # Indexing by a tensor copies, so that generation cannot write to the request.
        yield PromptGroup(rows, inputs["pixel_values"][rows], inputs["input_ids"][rows, :length])


def _check(inputs: Mapping[str, torch.Tensor], model: str) -> None:
    if set(inputs) != set(INPUTS):
        raise InvalidTensorError(
            f"model {model!r} generates from {', '.join(INPUTS)}; got: {', '.join(inputs) or 'nothing'}. Send these three"
        )
    shapes = {name: list(tensor.shape) for name, tensor in inputs.items()}
    pixels, tokens, mask = (shapes[name] for name in INPUTS)
    if len(pixels) != 4 or len(tokens) != 2 or tokens != mask or pixels[0] != tokens[0]:
        raise InvalidTensorError(
            f"model {model!r} takes pixel_values [B, 3, H, W], input_ids [B, L], attention_mask [B, L]; "
            f"got {', '.join(f'{name} {shape}' for name, shape in shapes.items())}"
        )
    for name in INPUTS[1:]:
        if inputs[name].is_floating_point():
            raise InvalidTensorError(f"tensor {name!r} must be INT64, got {inputs[name].dtype}, for model {model!r}")
