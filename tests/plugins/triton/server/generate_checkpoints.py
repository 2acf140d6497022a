"""A program for a Python with transformers: it saves small models of several classes in the folder of its argument."""

from __future__ import annotations

import sys
from pathlib import Path

import transformers

SIZES = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "hidden_size": 16}
PICTURE = {"image_size": 32, "patch_size": 8}
TOKENS = {"vocab_size": 60, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def whisper() -> object:
    layers = {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in SIDE.items()}
    starts = {"decoder_start_token_id": 1, "suppress_tokens": None, "begin_suppress_tokens": None}
    return transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**TOKENS, **layers, **starts, d_model=16))


SIDE = {"layers": 1, "attention_heads": 2, "ffn_dim": 16}


def trocr() -> object:
    encoder = transformers.ViTConfig(**SIZES, **PICTURE)
    decoder = transformers.TrOCRConfig(
        vocab_size=60,
        d_model=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        cross_attention_hidden_size=16,
    )
    both = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    both.decoder_start_token_id, both.pad_token_id = 1, 0
    return transformers.VisionEncoderDecoderModel(both)


def git() -> object:
    return transformers.GitForCausalLM(
        transformers.GitConfig(vision_config=SIZES | PICTURE, **SIZES, **TOKENS, max_position_embeddings=64)
    )


if __name__ == "__main__":
    for make in (whisper, trocr, git):
        make().save_pretrained(Path(sys.argv[1]) / make.__name__)
