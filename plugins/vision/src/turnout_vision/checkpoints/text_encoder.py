"""The inputs of a checkpoint's text encoder, such as CLIP's or SigLIP's."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError
from turnout_vision.brief_text import brief
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.processor import read_text_codec
from turnout_vision.texts.tokens import TextCodec

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SIGLIP_LENGTH = 64


@dataclass(frozen=True, slots=True, eq=False)
class TextEncoder:
    """Makes the inputs of a text encoder. Thread-safe.

    Attributes:
        codec: the tokenizer.
        mask: True if ``attention_mask`` is an input.
        length: the number of tokens to pad to; None is that of the longest text.
        left: True if a text is padded on the left.
        clean: what happens to a text before it is tokenized.
    """

    codec: TextCodec
    mask: bool
    length: int | None
    left: bool
    clean: Callable[[str], str]

    def inputs(self, texts: Sequence[str], length: int | None, *, mask: bool | None) -> list[dict[str, NDArray[Any]]]:
        """Return ``input_ids`` and, with ``mask``, ``attention_mask`` of each text, INT64 [1, length], all of one length.

        Arguments that are None are those of the checkpoint.

        Raises:
            InvalidInputError: a text has too many tokens, or is not valid Unicode.
        """
        tokens = [self.codec.ids(self.clean(text)) for text in texts]
        width = length or self.length or max(map(len, tokens))
        self._check_lengths(texts, tokens, width)
        names = ("input_ids", "attention_mask") if (self.mask if mask is None else mask) else ("input_ids",)
        return [dict(zip(names, self._pad(ids, width), strict=False)) for ids in tokens]

    def _check_lengths(self, texts: Sequence[str], tokens: Sequence[Sequence[int]], width: int) -> None:
        for text, ids in zip(texts, tokens, strict=True):
            if len(ids) > width:
                raise InvalidInputError(f"text {brief(text)} has {len(ids)} tokens, and {width} is the most; shorten it")

    def _pad(self, ids: Sequence[int], width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        place = slice(width - len(ids), width) if self.left else slice(0, len(ids))
        input_ids, attention_mask = np.full((1, width), self.codec.pad, np.int64), np.zeros((1, width), np.int64)
        input_ids[0, place], attention_mask[0, place] = ids, 1
        return input_ids, attention_mask


def read_text_encoder(checkpoint: Checkpoint) -> TextEncoder:
    """Return the text encoder's inputs of ``checkpoint``. May block on the hub.

    Raises:
        ConfigurationError: a file is missing, broken or unreachable.
    """
    config = checkpoint.json("config.json") or {}
    named = checkpoint.json("tokenizer_config.json") or {}
    kind = _read_kind(config, named)
    inputs = named.get("model_input_names")
    return TextEncoder(
        codec=read_text_codec(checkpoint),
        mask=not isinstance(inputs, list) or "attention_mask" in inputs,
        length=_read_length(config) if _is_siglip(config) else None,
        # Classes that pad on the left where the file is silent.
        left=named.get("padding_side", "left" if kind in ("Gemma", "Siglip2") else "right") == "left",
        clean=_CLEANERS.get(kind, str),
    )


def compares_each_alone(checkpoint: Checkpoint) -> bool:
    """Return True for SigLIP, whose scores are each text's own probability, and do not add up to 1. May block on the hub."""
    return _is_siglip(checkpoint.json("config.json") or {})


def _is_siglip(config: Mapping[str, Any]) -> bool:
    return "siglip" in str(config.get("model_type"))


def _read_kind(config: Mapping[str, Any], named: Mapping[str, Any]) -> str:
    """Return the class of the tokenizer without its suffix, as transformers chooses it."""
    model_type, given = str(config.get("model_type")), named.get("tokenizer_class")
    # transformers takes this class whatever the file names: checkpoints on the hub name a wrong one.
    if model_type.startswith("siglip2"):
        return "Siglip2"
    if isinstance(given, str):
        return given.removesuffix("Fast").removesuffix("Tokenizer")
    return "Siglip" if model_type.startswith("siglip") else ""


def _read_length(config: Mapping[str, Any]) -> int:
    # A text model that was saved alone has no text_config.
    length = (config.get("text_config") or config).get("max_position_embeddings", _SIGLIP_LENGTH)
    return length if isinstance(length, int) and 0 < length <= 8192 else _SIGLIP_LENGTH


def _clean_siglip(text: str) -> str:
    """Return ``text`` as SiglipTokenizer does: in small letters, without punctuation, with single spaces."""
    return re.sub(r"\s+", " ", text.lower().translate(_NO_PUNCTUATION)).strip()


def _lowercase(text: str) -> str:
    """Return ``text`` in small letters, letter by letter, as the tokenizer of SigLIP 2 does."""
    from tokenizers import normalizers

    return str(normalizers.Lowercase().normalize_str(text))


_CLEANERS: Mapping[str, Callable[[str], str]] = {"Siglip": _clean_siglip, "Siglip2": _lowercase}
