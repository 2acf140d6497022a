"""What a generating model must offer so that a decoding loop can drive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from turnout_direct.families import Family

if TYPE_CHECKING:
    import torch

    Tensors = tuple[torch.Tensor, ...]


class Encoded(NamedTuple):
    """What is computed once for each row, before the first decoder step.

    Attributes:
        prompt: INT64 [B, L], the tokens that each row's answer starts with; what stands behind a row's own length is ignored.
        lengths: INT64 [B], how many of them are the row's own, at least 1.
        memory: what every decoder step reads, batch axis first: cross-attention keys, values, masks.
    """

    prompt: torch.Tensor
    lengths: torch.Tensor
    memory: Tensors


class Architecture(Protocol):
    """One family of generating models: how it encodes its inputs, what one decoder step is.

    Both compute with the model's own weights and take and return tensors only, so that a loop around them can be exported in
    any format. A row's result must not depend on other rows, nor on how far its prompt is padded on the right.

    Attributes:
        model: the loaded ``torch.nn.Module``; it owns the weights.
        family: its special tokens and sizes.
        positions: how many positions the decoder has.
        unprompted: ``input_ids`` of a row without a prompt, or None when a prompt is a must.
    """

    model: torch.nn.Module
    family: Family
    positions: int
    unprompted: tuple[int, ...] | None

    def encode(self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Encoded:
        """Return what is computed once for ``pixel_values`` FP32 [B, 3, H, W], ``input_ids`` and mask INT64 [B, L]."""

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        """Return the first position INT64 [] to decode from, and the cache so far.

        The cache holds keys and values of ``width`` positions for each decoder layer, batch axis first. The position is that
        of a token that every row's prompt has, and the tokens before it are in the cache.
        """

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        """Return the logits [B, vocabulary] of what follows ``token`` INT64 [B] at ``position`` INT64 [], with the cache."""
