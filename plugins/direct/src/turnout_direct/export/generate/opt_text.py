"""The OPT language model, over the weights of a loaded one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.attention import attend, heads

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors

    Remember = Callable[[int, torch.Tensor], torch.Tensor]


class OptText:
    """Computes what ``OPTForCausalLM`` computes, with keys and values in the caller's hands.

    transformers' own forward builds masks and caches with Python that depends on sizes, which no exporter can follow.
    """

    def __init__(self, language: Any) -> None:
        self._decoder = language.model.decoder
        self._head = language.lm_head

    def words(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [..., size] of ``tokens`` INT64."""
        return self._decoder.embed_tokens(tokens)

    def read(self, words: torch.Tensor, width: int) -> Tensors:
        """Return keys and values of ``width`` positions for each layer, of which the first hold ``words`` [B, L, size].

        Each word sees those before it, so what stands behind a row's own words changes nothing before it.
        """
        import torch

        positions = torch.arange(words.shape[1], device=words.device)
        _, cache = self._pass(words, positions, positions <= positions[:, None], lambda _, computed: computed)
        return tuple(torch.nn.functional.pad(entry, (0, 0, 0, width))[:, :, :width].contiguous() for entry in cache)

    def step(self, words: torch.Tensor, position: torch.Tensor, cache: Tensors) -> tuple[torch.Tensor, Tensors]:
        """Return the logits [B, vocabulary] of what follows ``words`` [B, size] at ``position`` INT64 [], with the cache."""
        import torch

        columns = torch.arange(cache[0].shape[2], device=words.device)
        here = (columns == position)[:, None]
        hidden, written = self._pass(
            words[:, None], position.reshape(1), columns <= position, lambda index, new: torch.where(here, new, cache[index])
        )
        return self._head(hidden[:, 0]), written

    def _pass(
        self, words: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, remember: Remember
    ) -> tuple[torch.Tensor, Tensors]:
        hidden, kept = self._placed(words, positions), []
        for index, layer in enumerate(self._decoder.layers):
            attention, seen = layer.self_attn, _before(layer, layer.self_attn_layer_norm, hidden)
            keys = remember(2 * index, heads(attention.k_proj(seen), attention.num_heads))
            values = remember(2 * index + 1, heads(attention.v_proj(seen), attention.num_heads))
            kept += [keys, values]
            query = heads(attention.q_proj(seen) * attention.scaling, attention.num_heads)
            hidden = hidden + attention.out_proj(attend(query @ keys.transpose(-1, -2), values, visible))
            hidden = _after(layer, layer.self_attn_layer_norm, hidden)
            deeper = layer.activation_fn(layer.fc1(_before(layer, layer.final_layer_norm, hidden)))
            hidden = _after(layer, layer.final_layer_norm, hidden + layer.fc2(deeper))
        return self._finished(hidden), tuple(kept)

    def _placed(self, words: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        import torch

        table = self._decoder.embed_positions
        inner = words if self._decoder.project_in is None else self._decoder.project_in(words)
        return inner + torch.nn.functional.embedding(positions + table.offset, table.weight)

    def _finished(self, hidden: torch.Tensor) -> torch.Tensor:
        for last in (self._decoder.final_layer_norm, self._decoder.project_out):
            hidden = hidden if last is None else last(hidden)
        return hidden


def _before(layer: Any, norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    return norm(hidden) if layer.do_layer_norm_before else hidden


def _after(layer: Any, norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    """The model of 350 million weights normalises behind a layer instead."""
    return hidden if layer.do_layer_norm_before else norm(hidden)
