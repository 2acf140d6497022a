"""The OPT language model, with the weights of a loaded model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.attention import attend, heads

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors

    UpdateCache = Callable[[int, torch.Tensor], torch.Tensor]


class OptText:
    """``OPTForCausalLM`` with keys and values that the caller holds.

    The forward in transformers builds masks and caches with Python that depends on sizes, which exporters cannot trace.
    """

    def __init__(self, language: Any) -> None:
        self._decoder = language.model.decoder
        self._head = language.lm_head

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [..., size] of ``tokens`` INT64."""
        return self._decoder.embed_tokens(tokens)

    def read(self, embeddings: torch.Tensor, width: int) -> Tensors:
        """Return keys and values of ``width`` positions for each layer, filled from ``embeddings`` [B, L, size].

        Attention is causal, so padding at the end of a row does not change the positions before it.
        """
        import torch

        positions = torch.arange(embeddings.shape[1], device=embeddings.device)
        _, cache = self._run_layers(embeddings, positions, positions <= positions[:, None], lambda _, computed: computed)
        return tuple(torch.nn.functional.pad(entry, (0, 0, 0, width))[:, :, :width].contiguous() for entry in cache)

    def step(self, embeddings: torch.Tensor, position: torch.Tensor, cache: Tensors) -> tuple[torch.Tensor, Tensors]:
        """Return the logits [B, vocabulary] after ``embeddings`` [B, size] at ``position`` INT64 [], and the cache."""
        import torch

        columns = torch.arange(cache[0].shape[2], device=embeddings.device)
        # The cache has a fixed size and is written by position: the state of a loop must keep its shapes.
        here = (columns == position)[:, None]
        hidden, written = self._run_layers(
            embeddings[:, None],
            position.reshape(1),
            columns <= position,
            lambda index, new: torch.where(here, new, cache[index]),
        )
        return self._head(hidden[:, 0]), written

    def _run_layers(
        self, embeddings: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, update: UpdateCache
    ) -> tuple[torch.Tensor, Tensors]:
        hidden, written = self._add_positions(embeddings, positions), []
        for index, layer in enumerate(self._decoder.layers):
            attention, normed = layer.self_attn, _norm_before(layer, layer.self_attn_layer_norm, hidden)
            keys = update(2 * index, heads(attention.k_proj(normed), attention.num_heads))
            values = update(2 * index + 1, heads(attention.v_proj(normed), attention.num_heads))
            written += [keys, values]
            query = heads(attention.q_proj(normed) * attention.scaling, attention.num_heads)
            hidden = hidden + attention.out_proj(attend(query @ keys.transpose(-1, -2), values, visible))
            hidden = _norm_after(layer, layer.self_attn_layer_norm, hidden)
            deeper = layer.activation_fn(layer.fc1(_norm_before(layer, layer.final_layer_norm, hidden)))
            hidden = _norm_after(layer, layer.final_layer_norm, hidden + layer.fc2(deeper))
        return self._finish(hidden), tuple(written)

    def _add_positions(self, embeddings: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        import torch

        table = self._decoder.embed_positions
        inner = embeddings if self._decoder.project_in is None else self._decoder.project_in(embeddings)
        return inner + torch.nn.functional.embedding(positions + table.offset, table.weight)

    def _finish(self, hidden: torch.Tensor) -> torch.Tensor:
        for last in (self._decoder.final_layer_norm, self._decoder.project_out):
            hidden = hidden if last is None else last(hidden)
        return hidden


def _norm_before(layer: Any, norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    return norm(hidden) if layer.do_layer_norm_before else hidden


def _norm_after(layer: Any, norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    # OPT-350m normalizes after each layer, the other sizes before it.
    return hidden if layer.do_layer_norm_before else norm(hidden)
