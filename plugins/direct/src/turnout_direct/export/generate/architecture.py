"""What a generating model must offer so that a decoding loop can drive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import torch


class Tokens(NamedTuple):
    """The special token ids of a model: an answer ends at ``end``, what follows is ``pad``."""

    end: int
    pad: int


class Encoded(NamedTuple):
    """What is computed once for each row, before the first decoder step.

    Attributes:
        prompt: INT64 [B, L], the tokens each row's answer starts with; what stands behind a row's own length is ignored.
        lengths: INT64 [B], how many of them belong to the row, at least 1.
        memory: what every decoder step reads, batch axis first: cross-attention keys, values, masks.
    """

    prompt: torch.Tensor
    lengths: torch.Tensor
    memory: tuple[torch.Tensor, ...]


class Architecture(Protocol):
    """One family of generating models: how it encodes its inputs, what one decoder step is.

    Implementations compute with the model's own weights, row by row independently: a row's result must not depend on the
    other rows, nor on how far a prompt is padded on the right.

    Attributes:
        model: the loaded ``torch.nn.Module``; owner of the weights.
        decoder: the part of it whose transformers generation settings count.
        tokens: its special token ids.
        positions: the largest number of tokens that the decoder has positions for.
        picture_shape: channels, height and width of ``pixel_values``.
    """

    model: torch.nn.Module
    decoder: torch.nn.Module
    tokens: Tokens
    positions: int
    picture_shape: tuple[int, int, int]

    def encode(
        self, pixel_values: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> Encoded:
        """Return what is computed once for ``pixel_values`` FP32 [B, 3, H, W], ``input_ids`` and mask INT64 [B, L]."""

    def empty_cache(self, like: Encoded, width: int) -> tuple[torch.Tensor, ...]:
        """Return zeroed keys and values of ``width`` positions for each decoder layer, batch axis first."""

    def step(
        self,
        token: torch.Tensor,
        position: torch.Tensor,
        memory: tuple[torch.Tensor, ...],
        cache: tuple[torch.Tensor, ...],
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return the logits [B, vocabulary] that follow ``token`` INT64 [B], standing at ``position`` INT64 [], with the new cache."""
