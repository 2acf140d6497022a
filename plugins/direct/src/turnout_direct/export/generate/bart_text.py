"""The decoders of BART, mBART and TrOCR, with the weights of a loaded model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.attention import attend, heads
from turnout_direct.export.generate.text_decoder import empty_like

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors

# Decoders that normalize before each part of a layer; the others do it after.
_NORMS_BEFORE = frozenset({"MBartDecoder"})


def bart(language: Any) -> BartText:
    """Return the decoder of ``BartForCausalLM`` or ``MBartForCausalLM``."""
    return BartText(language.model.decoder, language.lm_head)


def trocr(language: Any) -> BartText:
    """Return the decoder of ``TrOCRForCausalLM``."""
    return BartText(language.model.decoder, language.output_projection)


class BartText:
    """The decoder of BART and of the models that follow it; ``head`` returns the logits of a state."""

    def __init__(self, decoder: Any, head: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._decoder = decoder
        self._head = head
        self._before = type(decoder).__name__ in _NORMS_BEFORE
        self.positions = decoder.config.max_position_embeddings

    def cross_memory(self, states: torch.Tensor) -> Tensors:
        attentions = [layer.encoder_attn for layer in self._decoder.layers]
        return tuple(heads(project(states), a.num_heads) for a in attentions for project in (a.k_proj, a.v_proj))

    def empty_cache(self, memory: Tensors, width: int) -> Tensors:
        return empty_like(memory, width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, visible: torch.Tensor, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        import torch

        columns = torch.arange(cache[0].shape[2], device=token.device)
        # The cache has a fixed size and is written by position: the state of a loop must keep its shapes.
        here, past = (columns == position)[:, None], columns <= position
        hidden, written = self._embed(token[:, None], position), list(cache)
        for index, layer in enumerate(self._decoder.layers):
            keys, values = 2 * index, 2 * index + 1
            own, normed = layer.self_attn, self._norm_before(layer.self_attn_layer_norm, hidden)
            for entry, project in ((keys, own.k_proj), (values, own.v_proj)):
                written[entry] = torch.where(here, heads(project(normed), own.num_heads), cache[entry])
            hidden = hidden + _attend(own, normed, written[keys], written[values], past)
            hidden = self._norm_after(layer.self_attn_layer_norm, hidden)
            cross, normed = layer.encoder_attn, self._norm_before(layer.encoder_attn_layer_norm, hidden)
            hidden = hidden + _attend(cross, normed, memory[keys], memory[values], visible[:, None, None, :])
            hidden = self._norm_after(layer.encoder_attn_layer_norm, hidden)
            deeper = layer.activation_fn(layer.fc1(self._norm_before(layer.final_layer_norm, hidden)))
            hidden = self._norm_after(layer.final_layer_norm, hidden + layer.fc2(deeper))
        return self._head(self._finish(hidden)[:, 0]), tuple(written)

    def _embed(self, tokens: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [B, 1, size] of ``tokens`` INT64 [B, 1]."""
        hidden = self._decoder.embed_tokens(tokens) + _positions(self._decoder.embed_positions, tokens, position)
        norm = getattr(self._decoder, "layernorm_embedding", None)
        return hidden if norm is None else norm(hidden)

    def _norm_before(self, norm: Any, hidden: torch.Tensor) -> torch.Tensor:
        return norm(hidden) if self._before else hidden

    def _norm_after(self, norm: Any, hidden: torch.Tensor) -> torch.Tensor:
        return hidden if self._before else norm(hidden)

    def _finish(self, hidden: torch.Tensor) -> torch.Tensor:
        return self._decoder.layer_norm(hidden) if self._before else hidden


def _positions(table: Any, tokens: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return the position embeddings of ``tokens`` INT64 [B, 1], [B or 1, 1, size]."""
    import torch

    if hasattr(table, "weight"):
        return torch.nn.functional.embedding(position.reshape(1) + table.offset, table.weight)
    # TrOCR's sinusoidal positions start after the pad token's, which each pad token has.
    places = torch.where(tokens == table.padding_idx, 0, position + 1) + table.padding_idx
    return torch.nn.functional.embedding(places, table.weights)


def _attend(
    attention: Any, normed: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, visible: torch.Tensor
) -> torch.Tensor:
    query = heads(attention.q_proj(normed) * attention.scaling, attention.num_heads)
    return attention.out_proj(attend(query @ keys.transpose(-1, -2), values, visible))
