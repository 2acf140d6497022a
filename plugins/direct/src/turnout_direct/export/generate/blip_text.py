"""The text transformer of BLIP, with the weights of a loaded model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.attention import attend, heads

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors


class BlipText:
    """``BlipTextModel`` with keys and values that the caller holds.

    The forward in transformers builds masks and caches with Python that depends on sizes, which exporters cannot trace.
    """

    def __init__(self, bert: Any) -> None:
        self._embeddings = bert.embeddings
        self._layers = list(bert.encoder.layer)

    def cross_memory(self, states: torch.Tensor) -> Tensors:
        """Return keys and values [B, heads, S, head size] of each layer's cross-attention to ``states`` [B, S, width]."""
        attentions = [layer.crossattention.self for layer in self._layers]
        return tuple(_heads(project(states), a) for a in attentions for project in (a.key, a.value))

    def empty_cache(self, like: torch.Tensor, width: int) -> Tensors:
        """Return zeroed self-attention keys and values of ``width`` positions per layer, with batch and dtype of ``like``."""
        attentions = [layer.attention.self for layer in self._layers]
        return tuple(
            like.new_zeros(like.shape[0], a.num_attention_heads, width, a.attention_head_size) for a in attentions for _ in "kv"
        )

    def read(self, tokens: torch.Tensor, mask: torch.Tensor, memory: Tensors) -> torch.Tensor:
        """Return the states [B, L, width] of ``tokens`` INT64 [B, L]; attention sees ``mask`` BOOL [B, L]."""
        import torch

        hidden = self._embed(tokens, torch.arange(tokens.shape[1], device=tokens.device))
        visible = mask[:, None, None, :]
        for index, layer in enumerate(self._layers):
            attention = layer.attention.self
            keys, values = _heads(attention.key(hidden), attention), _heads(attention.value(hidden), attention)
            hidden = layer.attention.output(_attend(attention, hidden, keys, values, visible), hidden)
            hidden = _finish(layer, hidden, memory[2 * index], memory[2 * index + 1], None)
        return hidden

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, memory_mask: torch.Tensor | None, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        """Return the state [B, width] of ``token`` INT64 [B] at ``position`` INT64 [], and the updated cache."""
        import torch

        columns = torch.arange(cache[0].shape[2], device=token.device)
        # The cache has a fixed size and is written by position: the state of a loop must keep its shapes.
        here = (columns == position)[:, None]
        past = columns <= position
        visible = None if memory_mask is None else memory_mask[:, None, None, :]
        hidden = self._embed(token[:, None], position.reshape(1))
        written: list[torch.Tensor] = []
        for index, layer in enumerate(self._layers):
            attention = layer.attention.self
            keys = torch.where(here, _heads(attention.key(hidden), attention), cache[2 * index])
            values = torch.where(here, _heads(attention.value(hidden), attention), cache[2 * index + 1])
            written += [keys, values]
            hidden = layer.attention.output(_attend(attention, hidden, keys, values, past), hidden)
            hidden = _finish(layer, hidden, memory[2 * index], memory[2 * index + 1], visible)
        return hidden[:, 0], tuple(written)

    def _embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        words = self._embeddings.word_embeddings(tokens) + self._embeddings.position_embeddings(positions)
        return self._embeddings.LayerNorm(words)


def _finish(
    layer: Any, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, visible: torch.Tensor | None
) -> torch.Tensor:
    cross = layer.crossattention
    hidden = cross.output(_attend(cross.self, hidden, keys, values, visible), hidden)
    return layer.output(layer.intermediate(hidden), hidden)


def _heads(projected: torch.Tensor, attention: Any) -> torch.Tensor:
    return heads(projected, attention.num_attention_heads)


def _attend(
    attention: Any, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, visible: torch.Tensor | None
) -> torch.Tensor:
    scores = _heads(attention.query(hidden), attention) @ keys.transpose(-1, -2) / math.sqrt(attention.attention_head_size)
    return attend(scores, values, visible)
