"""The T5 language model, with the weights of a loaded model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout_direct.export.generate.attention import attend, heads

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors


class T5Text:
    """``T5ForConditionalGeneration`` with keys and values that the caller holds.

    The forward in transformers builds masks and caches with Python that depends on sizes, which exporters cannot trace.
    """

    def __init__(self, language: Any) -> None:
        config = language.config
        self._language = language
        self._encoder, self._decoder = language.encoder.block, language.decoder.block
        self._far = config.relative_attention_max_distance
        self._buckets = {block: _buckets(block[0].layer[0].SelfAttention) for block in (self._encoder, self._decoder)}
        # transformers 4 lacks this setting and scales the outputs if the word embeddings are tied.
        scaled = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
        self._scale = config.d_model**-0.5 if scaled else 1.0

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the embeddings [..., size] of ``tokens`` INT64."""
        return self._language.shared(tokens)

    def read(self, embeddings: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the encoder's states [B, L, size] of ``embeddings`` [B, L, size]; attention sees ``mask`` BOOL [B, L]."""
        import torch

        positions = torch.arange(embeddings.shape[1], device=embeddings.device)
        bias = self._bias(self._encoder, positions - positions[:, None])
        hidden = embeddings
        for block in self._encoder:
            attention, normed = block.layer[0].SelfAttention, block.layer[0].layer_norm(hidden)
            keys, values = (heads(project(normed), attention.n_heads) for project in (attention.k, attention.v))
            hidden = hidden + _attend(attention, normed, keys, values, mask[:, None, None, :], bias)
            hidden = block.layer[-1](hidden)
        return self._language.encoder.final_layer_norm(hidden)

    def cross_memory(self, states: torch.Tensor) -> Tensors:
        """Return keys and values [B, heads, S, head size] of each decoder layer's attention to ``states``."""
        attentions = [block.layer[1].EncDecAttention for block in self._decoder]
        return tuple(heads(project(states), a.n_heads) for a in attentions for project in (a.k, a.v))

    def empty_cache(self, memory: Tensors, width: int) -> Tensors:
        """Return zeroed keys and values of ``width`` positions for each layer, with batch, heads and dtype of ``memory``."""
        return tuple(entry.new_zeros(entry.shape[0], entry.shape[1], width, entry.shape[3]) for entry in memory)

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, visible: torch.Tensor, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        """Return the logits [B, vocabulary] of the token after ``token`` INT64 [B] at ``position`` INT64 [], and the cache.

        Cross-attention sees ``memory`` where ``visible`` BOOL [B, S] is true.
        """
        import torch

        columns = torch.arange(cache[0].shape[2], device=token.device)
        # The cache has a fixed size and is written by position: the state of a loop must keep its shapes.
        here, past = (columns == position)[:, None], columns <= position
        bias = self._bias(self._decoder, (columns - position)[None])
        hidden, written = self.embed(token)[:, None], list(cache)
        for index, block in enumerate(self._decoder):
            own, normed = block.layer[0].SelfAttention, block.layer[0].layer_norm(hidden)
            for entry, project in ((2 * index, own.k), (2 * index + 1, own.v)):
                written[entry] = torch.where(here, heads(project(normed), own.n_heads), cache[entry])
            hidden = hidden + _attend(own, normed, written[2 * index], written[2 * index + 1], past, bias)
            cross, normed = block.layer[1].EncDecAttention, block.layer[1].layer_norm(hidden)
            keys, values = memory[2 * index], memory[2 * index + 1]
            hidden = hidden + _attend(cross, normed, keys, values, visible[:, None, None, :], None)
            hidden = block.layer[-1](hidden)
        state = self._language.decoder.final_layer_norm(hidden)[:, 0]
        return self._language.lm_head(state * self._scale), tuple(written)

    def _bias(self, blocks: Any, distances: torch.Tensor) -> torch.Tensor:
        """Return the position bias [1, heads, L, S] for ``distances`` INT64 [L, S]; all layers share it."""
        near = distances.clamp(min=-self._far, max=self._far) + self._far
        weights = blocks[0].layer[0].SelfAttention.relative_attention_bias
        return weights(self._buckets[blocks].to(near.device)[near]).permute(2, 0, 1).unsqueeze(0)


def _buckets(attention: Any) -> torch.Tensor:
    """Return the bucket of each distance from -far to far."""
    import torch

    # A table in the graph: the logarithm of another runtime may round to another bucket.
    far = attention.relative_attention_max_distance
    return attention._relative_position_bucket(
        torch.arange(-far, far + 1),
        bidirectional=not attention.is_decoder,
        num_buckets=attention.relative_attention_num_buckets,
        max_distance=far,
    )


def _attend(
    attention: Any,
    normed: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    visible: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    scores = heads(attention.q(normed), attention.n_heads) @ keys.transpose(-1, -2)
    return attention.o(attend(scores if bias is None else scores + bias, values, visible))
