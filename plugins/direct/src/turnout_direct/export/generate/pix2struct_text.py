"""The decoder of Pix2Struct, with the weights of a loaded model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.attention import attend, heads
from turnout_direct.export.generate.text_decoder import empty_like

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors


class Pix2StructText:
    """``Pix2StructTextModel``."""

    # The model encodes distances, not positions, so it has no limit.
    positions = 1 << 31

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._buckets = _buckets(decoder.layer[0].self_attention.attention)

    def cross_memory(self, states: torch.Tensor) -> Tensors:
        attentions = [block.encoder_decoder_attention.attention for block in self._decoder.layer]
        return tuple(heads(project(states), a.n_heads) for a in attentions for project in (a.key, a.value))

    def empty_cache(self, memory: Tensors, width: int) -> Tensors:
        return empty_like(memory, width)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, visible: torch.Tensor, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        import torch

        columns = torch.arange(cache[0].shape[2], device=token.device)
        # The cache has a fixed size and is written by position: the state of a loop must keep its shapes.
        here, past = (columns == position)[:, None], columns <= position
        bias = self._bias(position - columns)
        hidden, written = self._decoder.embed_tokens(token)[:, None], list(cache)
        for index, block in enumerate(self._decoder.layer):
            own, normed = block.self_attention.attention, block.self_attention.layer_norm(hidden)
            for entry, project in ((2 * index, own.key), (2 * index + 1, own.value)):
                written[entry] = torch.where(here, heads(project(normed), own.n_heads), cache[entry])
            hidden = hidden + _attend(own, normed, written[2 * index], written[2 * index + 1], past, bias)
            part = block.encoder_decoder_attention
            cross, normed = part.attention, part.layer_norm(hidden)
            keys, values = memory[2 * index], memory[2 * index + 1]
            hidden = hidden + _attend(cross, normed, keys, values, visible[:, None, None, :], None)
            hidden = block.mlp(hidden)
        return self._decoder.lm_head(self._decoder.final_layer_norm(hidden)[:, 0]), tuple(written)

    def _bias(self, distances: torch.Tensor) -> torch.Tensor:
        """Return the position bias [1, heads, 1, L] for ``distances`` INT64 [L] back; all layers share it."""
        table = self._buckets.to(distances.device)
        weights = self._decoder.layer[0].self_attention.attention.relative_attention_bias
        return weights(table[distances.clamp(min=0, max=table.shape[0] - 1)]).permute(1, 0)[None, :, None, :]


def _buckets(attention: Any) -> torch.Tensor:
    """Return the bucket of each distance back, from 0 to where all are in the last one."""
    import torch

    # A table in the graph: the logarithm of another runtime may round to another bucket.
    far = attention.relative_attention_max_distance
    return attention._relative_position_bucket(
        -torch.arange(far + 1), bidirectional=False, num_buckets=attention.relative_attention_num_buckets, max_distance=far
    )


def _attend(
    attention: Any,
    normed: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    visible: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    scores = heads(attention.query(normed), attention.n_heads) @ keys.transpose(-1, -2)
    return attention.output(attend(scores if bias is None else scores + bias, values, visible))
