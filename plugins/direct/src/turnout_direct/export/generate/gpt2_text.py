"""GPT-2 with cross-attention, with the weights of a loaded model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.attention import attend, heads
from turnout_direct.export.generate.text_decoder import empty_like

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors


class Gpt2Text:
    """The decoder of ``GPT2LMHeadModel``."""

    def __init__(self, language: Any) -> None:
        self._language = language
        self._gpt2 = language.transformer
        self.positions = language.config.n_positions

    def cross_memory(self, states: torch.Tensor) -> Tensors:
        attentions = [block.crossattention for block in self._gpt2.h]
        # Copies: torch.while_loop refuses keys and values that share memory.
        return tuple(heads(part, a.num_heads).clone() for a in attentions for part in a.c_attn(states).chunk(2, dim=-1))

    def empty_cache(self, memory: Tensors, width: int) -> Tensors:
        return empty_like(memory, width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, visible: torch.Tensor, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        import torch

        columns = torch.arange(cache[0].shape[2], device=token.device)
        # The cache has a fixed size and is written by position: the state of a loop must keep its shapes.
        here, past = (columns == position)[:, None], columns <= position
        hidden = self._gpt2.wte(token[:, None]) + self._gpt2.wpe(position.reshape(1))
        written: list[torch.Tensor] = []
        for index, block in enumerate(self._gpt2.h):
            own, cross = block.attn, block.crossattention
            query, *new = (heads(part, own.num_heads) for part in own.c_attn(block.ln_1(hidden)).chunk(3, dim=-1))
            keys, values = (torch.where(here, part, cache[2 * index + entry]) for entry, part in enumerate(new))
            written += [keys, values]
            hidden = hidden + own.c_proj(_attend(own, query, keys, values, past))
            query = heads(cross.q_attn(block.ln_cross_attn(hidden)), cross.num_heads)
            seen = _attend(cross, query, memory[2 * index], memory[2 * index + 1], visible[:, None, None, :])
            hidden = hidden + cross.c_proj(seen)
            hidden = hidden + block.mlp(block.ln_2(hidden))
        return self._language.lm_head(self._gpt2.ln_f(hidden)[:, 0]), tuple(written)


def _attend(
    attention: Any, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, visible: torch.Tensor
) -> torch.Tensor:
    return attend(query @ keys.transpose(-1, -2) * attention.scaling, values, visible)
