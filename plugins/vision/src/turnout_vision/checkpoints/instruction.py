"""The second tokenizer of an InstructBLIP, with which its Q-Former reads the instruction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from turnout.errors import ConfigurationError
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.checkpoints.processor import read_text_codec
from turnout_vision.texts.tokens import TextCodec

# Where transformers saves it.
_FOLDER = "qformer_tokenizer"
# Of the Q-Former of transformers, where the config is silent.
_POSITIONS = 512


def read_instruction_codec(checkpoint: Checkpoint) -> TextCodec | None:
    """Return the codec of the Q-Former, or None if ``checkpoint`` is no InstructBLIP. May block on the hub.

    Raises:
        ConfigurationError: a file is missing, broken or unreachable.
    """
    config = checkpoint.json("config.json") or {}
    if config.get("model_type") != "instructblip":
        return None
    own = replace(checkpoint, subfolder=_FOLDER)
    if own.file("tokenizer.json") is None and own.file("vocab.txt") is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r} is an InstructBLIP without the tokenizer of its Q-Former, "
            f"{_FOLDER}/tokenizer.json; save it there with InstructBlipProcessor.save_pretrained"
        )
    codec = read_text_codec(own)
    return replace(codec, max_tokens=min(codec.max_tokens, _read_positions(config)))


def _read_positions(config: Mapping[str, object]) -> int:
    part = config.get("qformer_config")
    positions = part.get("max_position_embeddings") if isinstance(part, Mapping) else None
    return positions if isinstance(positions, int) else _POSITIONS
