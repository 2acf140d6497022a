"""Models of transformers with random weights, in the sizes that users run, and tiny ones for a dry run."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_TINY = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
_TINY_PIXELS = {"image_size": 32, "patch_size": 8}
_TINY_TEXT = {"vocab_size": 60, "bos_token_id": 1, "sep_token_id": 2, "eos_token_id": 2, "pad_token_id": 0}


class Vit(torch.nn.Module):
    """ViT-base, 224 x 224: ``pixel_values`` FP32 [-1, 3, 224, 224] -> ``last_hidden_state`` FP32 [-1, 197, 768]."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        import transformers

        self.inner = transformers.ViTModel(config, add_pooling_layer=False)

    def forward(self, pixel_values: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"last_hidden_state": self.inner(pixel_values).last_hidden_state}


def vit(size: str) -> torch.nn.Module:
    """Return a ViT."""
    import transformers

    torch.manual_seed(7)
    return Vit(transformers.ViTConfig(**(_TINY | _TINY_PIXELS if size == "tiny" else {}))).eval()


def blip(size: str) -> torch.nn.Module:
    """Return a BLIP captioner; BLIP-base has 224 million weights and pictures of 384 x 384."""
    import transformers

    torch.manual_seed(7)
    text = _TINY | _TINY_TEXT | {"max_position_embeddings": 40} if size == "tiny" else {}
    vision = _TINY | _TINY_PIXELS if size == "tiny" else {}
    model = transformers.BlipForConditionalGeneration(transformers.BlipConfig(text_config=text, vision_config=vision)).eval()
    # Random weights would end some answers at once: all are to have the full length.
    with torch.no_grad():
        model.text_decoder.cls.predictions.bias[model.config.text_config.sep_token_id] = -1e4
    return model


def pictures(size: str, count: int, kind: str) -> np.ndarray:
    """Return FP32 [count, 1, 3, height, width], a request for each caller."""
    side = 32 if size == "tiny" else {"vit": 224, "blip": 384}[kind]
    return np.random.default_rng(7).standard_normal((count, 1, 3, side, side)).astype("f4")


def prompts(size: str) -> dict[str, np.ndarray]:
    """Return the prompt of a caption without text: the begin and the end token."""
    ids = [1, 2] if size == "tiny" else [30522, 102]
    return {"input_ids": np.array([ids], np.int64), "attention_mask": np.ones((1, 2), np.int64)}
