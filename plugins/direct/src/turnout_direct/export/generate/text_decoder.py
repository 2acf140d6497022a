"""Text decoders that attend to an encoder's states: their interface, and the one for a loaded module."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from turnout.errors import ExportError

if TYPE_CHECKING:
    import torch

    from turnout_direct.export.generate.architecture import Tensors

_DECODERS = {
    "BartForCausalLM": "turnout_direct.export.generate.bart_text:bart",
    "BertLMHeadModel": "turnout_direct.export.generate.bert_text:BertText",
    "GPT2LMHeadModel": "turnout_direct.export.generate.gpt2_text:Gpt2Text",
    "MBartForCausalLM": "turnout_direct.export.generate.bart_text:bart",
    "TrOCRForCausalLM": "turnout_direct.export.generate.bart_text:trocr",
}


class TextDecoder(Protocol):
    """A decoder with cross-attention, whose keys and values the caller holds.

    The forwards in transformers build masks and caches with Python that depends on sizes, which exporters cannot trace.

    Attributes:
        positions: the number of positions.
    """

    positions: int

    def cross_memory(self, states: torch.Tensor) -> Tensors:
        """Return keys and values [B, heads, S, head size] of each layer's attention to ``states`` [B, S, size]."""

    def empty_cache(self, memory: Tensors, width: int) -> Tensors:
        """Return zeroed keys and values of ``width`` positions for each layer, with batch, heads and dtype of ``memory``."""

    def step(
        self, token: torch.Tensor, position: torch.Tensor, memory: Tensors, visible: torch.Tensor, cache: Tensors
    ) -> tuple[torch.Tensor, Tensors]:
        """Return the logits [B, vocabulary] of the token after ``token`` INT64 [B] at ``position`` INT64 [], and the cache.

        Cross-attention sees ``memory`` where ``visible`` BOOL [B, S] is true.
        """


def text_decoder_of(model: str, owner: Any, decoder: Any) -> TextDecoder:
    """Return the text decoder for the module ``decoder`` of ``owner``.

    Raises:
        ExportError: the class of the decoder is not supported.
    """
    name = type(decoder).__name__
    if name not in _DECODERS:
        raise ExportError(
            f"model {model!r}: generate() of class {type(owner).__name__!r} can be exported with the decoders "
            f"{', '.join(_DECODERS)}, not with {name!r}; keep it on the backend 'direct'"
        )
    path, _, kind = _DECODERS[name].partition(":")
    found: TextDecoder = getattr(importlib.import_module(path), kind)(decoder)
    return found


def empty_like(memory: Tensors, width: int) -> Tensors:
    """Return zeros with the sizes of ``memory``, keys and values [B, heads, S, head size], but ``width`` positions."""
    return tuple(entry.new_zeros(entry.shape[0], entry.shape[1], width, entry.shape[3]) for entry in memory)
