"""The interface between a generating model and a decoding loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from turnout_direct.generation_family import GenerationFamily

if TYPE_CHECKING:
    import torch

    Tensors = tuple[torch.Tensor, ...]


class Encoded(NamedTuple):
    """The result of the encoder, computed once before the first decoder step.

    Attributes:
        prompt: INT64 [B, L], the tokens that each row's answer starts with; columns after the row's length are ignored.
        lengths: INT64 [B], the number of prompt tokens of each row, at least 1.
        memory: the tensors that every decoder step reads, batch axis first: cross-attention keys, values, masks.
    """

    prompt: torch.Tensor
    lengths: torch.Tensor
    memory: Tensors


class Architecture(Protocol):
    """The encoder and the decoder step of a generating model.

    Both use the model's own weights and accept and return tensors only, so that any format can export a loop around them. A
    row's result must not depend on other rows or on the padding of its prompt.

    Attributes:
        model: the loaded ``torch.nn.Module``; it owns the weights.
        family: its special tokens and sizes.
        positions: the number of positions in the decoder.
    """

    model: torch.nn.Module
    family: GenerationFamily
    positions: int

    def encode(self, *inputs: torch.Tensor) -> Encoded:
        """Encode the inputs of ``family.input_specs()``, such as ``pixel_values``, ``input_ids`` and ``attention_mask``."""

    def begin(self, encoded: Encoded, width: int) -> tuple[torch.Tensor, Tensors]:
        """Return the first position INT64 [] to decode from, and the initial cache.

        The cache holds keys and values of ``width`` positions for each decoder layer, batch axis first. Every row's prompt has
        a token at the position, and the cache holds the tokens before it.
        """

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        """Return the logits [B, vocabulary] of the token after ``token`` INT64 [B] at ``position`` INT64 [], and the cache."""
