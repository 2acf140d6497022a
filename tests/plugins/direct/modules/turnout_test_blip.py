"""Tiny vision-language models with random weights, large enough for answers that differ in tokens and length."""

from __future__ import annotations

from typing import Any

import torch

PAD, BEGIN, END, IMAGE, VOCABULARY, SIZE = 0, 1, 2, 3, 60, 32
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION |= {"image_size": SIZE, "patch_size": 8}


def blip(kind: str, seed: int = 0) -> Any:
    """Return a ``BlipForConditionalGeneration`` or ``BlipForQuestionAnswering``."""
    import transformers

    text = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 4, "max_position_embeddings": 40, "projection_dim": 16}
    text |= {"bos_token_id": BEGIN, "sep_token_id": END, "eos_token_id": END, "pad_token_id": PAD}
    torch.manual_seed(seed)
    config = transformers.BlipConfig(text_config=text, vision_config=VISION | {"projection_dim": 16})
    model = getattr(transformers, kind)(config).eval()
    _widen(model)
    _favor_end(model.text_decoder.cls.predictions.bias)
    return model


def blip2(language: str = "opt", seed: int = 0, max_length: int | None = None) -> Any:
    """Return a ``Blip2ForConditionalGeneration`` around a tiny OPT (decoder only) or T5 (encoder and decoder)."""
    import transformers

    tokens = {"vocab_size": VOCABULARY, "bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": PAD}
    opt = {"model_type": "opt", "hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    opt |= {"max_position_embeddings": 64, "word_embed_proj_dim": 32}
    t5 = {
        "model_type": "t5",
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 48,
        "num_layers": 2,
        "num_heads": 4,
        "decoder_start_token_id": PAD,
    }
    queries = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = transformers.Blip2Config(
        vision_config=VISION,
        qformer_config=queries | {"encoder_hidden_size": 32, "vocab_size": VOCABULARY},
        text_config=tokens | {"opt": opt, "t5": t5}[language],
        num_query_tokens=4,
        image_token_index=IMAGE,
    )
    torch.manual_seed(seed)
    model = transformers.Blip2ForConditionalGeneration(config).eval()
    model.language_model.generation_config.max_length = max_length
    _widen(model)
    if language == "t5":
        _look_around(model.language_model)
    return model


def instructblip(language: str = "t5", seed: int = 0) -> Any:
    """Return an ``InstructBlipForConditionalGeneration`` with the parts of ``blip2``."""
    import transformers

    parts = blip2(language, seed).config
    settings = {name: getattr(parts, name).to_dict() for name in ("vision_config", "qformer_config", "text_config")}
    torch.manual_seed(seed)
    config = transformers.InstructBlipConfig(**settings, num_query_tokens=4, image_token_index=IMAGE)
    model = transformers.InstructBlipForConditionalGeneration(config).eval()
    _widen(model)
    if language == "t5":
        _look_around(model.language_model)
    return model


def _look_around(language: torch.nn.Module) -> None:
    """Make attention strong: T5 has no positions otherwise, and an answer would repeat one token."""
    with torch.no_grad():
        for name, weight in language.named_parameters():
            if "relative_attention_bias" in name:
                weight.normal_(0, 4)
            elif "Attention" in name and weight.dim() > 1:
                weight.normal_(0, 2 / weight[0].numel() ** 0.5)
        language.shared.weight.normal_(0, 1)


def _widen(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 1.3 / weight[0].numel() ** 0.5)


def _favor_end(bias: torch.Tensor) -> None:
    with torch.no_grad():
        bias.normal_(0, 0.3)
        bias[END] += 1.8
