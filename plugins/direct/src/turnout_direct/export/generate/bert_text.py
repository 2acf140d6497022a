"""BERT as a decoder, with the weights of a loaded model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.blip_text import BlipText
from turnout_direct.export.generate.text_decoder import empty_like

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors


class BertText:
    """The decoder of ``BertLMHeadModel``."""

    def __init__(self, language: Any) -> None:
        self._states = _BertStates(language.bert)
        self._head = language.cls
        self.positions = language.config.max_position_embeddings

    def cross_memory(self, states: torch.Tensor) -> Tensors:
        return self._states.cross_memory(states)

    def empty_cache(self, memory: Tensors, width: int) -> Tensors:
        return empty_like(memory, width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, visible: torch.Tensor, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        state, cache = self._states.step(token, position, memory, visible, cache)
        return self._head(state), cache


class _BertStates(BlipText):
    """BLIP's text transformer is BERT's but for the embeddings, in which BERT has token types."""

    def __init__(self, bert: Any) -> None:
        super().__init__(bert)
        self._types = bert.embeddings.token_type_embeddings

    def _embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        words = self._embeddings.word_embeddings(tokens) + self._types.weight[0]
        return self._embeddings.LayerNorm(words + self._embeddings.position_embeddings(positions))
