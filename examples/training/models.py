"""Configuration of the captioner and the answerer, two of transformers' BLIP classes."""

from __future__ import annotations

from examples.training import tokenizer
from examples.training.crops import CAPTION_SIZE
from transformers import BlipConfig, BlipForConditionalGeneration, BlipForQuestionAnswering

HIDDEN = 64
PATCH_SIZE = 8
MAX_TOKENS = 20


def config() -> BlipConfig:
    """Return the configuration that both models share."""
    text = {
        "vocab_size": len(tokenizer.VOCABULARY),
        "hidden_size": HIDDEN,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": MAX_TOKENS,
        "bos_token_id": tokenizer.DEC,
        "eos_token_id": tokenizer.SEP,
        "sep_token_id": tokenizer.SEP,
        "pad_token_id": tokenizer.PAD,
        "layer_norm_eps": 1e-6,
    }
    vision = {
        "hidden_size": HIDDEN,
        "intermediate_size": 144,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": CAPTION_SIZE,
        "patch_size": PATCH_SIZE,
        "initializer_range": 0.02,
    }
    return BlipConfig(text_config=text, vision_config=vision, projection_dim=HIDDEN, image_text_hidden_size=HIDDEN)


def captioner() -> BlipForConditionalGeneration:
    """Return an untrained captioner."""
    return BlipForConditionalGeneration(config())


def answerer() -> BlipForQuestionAnswering:
    """Return an untrained answerer."""
    return BlipForQuestionAnswering(config())
