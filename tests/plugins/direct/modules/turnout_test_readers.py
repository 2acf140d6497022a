"""Tiny models that encode a picture and decode a text, with random weights, large enough for answers of many lengths."""

from __future__ import annotations

from typing import Any

import torch

PAD, BEGIN, END, IMAGE, VOCABULARY, SIZE = 0, 1, 2, 3, 60, 32
TOKENS = {"bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": PAD, "decoder_start_token_id": BEGIN}
LAYERS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def reader(kind: str, seed: int = 0, favor: float = 2.0, **generation: Any) -> Any:
    """Return a model by the name of its kind; ``generation`` goes into its own generation settings."""
    import transformers

    torch.manual_seed(seed)
    makers = {"pix2struct": _pix2struct, "florence2": _florence2}
    model = makers[kind](transformers) if kind in makers else _vision_encoder_decoder(transformers, kind)
    model.eval()
    model.generation_config = transformers.GenerationConfig(**TOKENS | generation)
    _widen(model)
    _favor_end(model, favor)
    return model


def _vision_encoder_decoder(transformers: Any, kind: str) -> Any:
    decoder = _decoder(transformers, kind)
    if kind == "donut":
        sizes = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 2, "image_size": [32, 48]}
        encoder = transformers.DonutSwinModel(transformers.DonutSwinConfig(patch_size=4, **sizes))
    else:
        # An encoder of another width than the decoder's, but for TrOCR, has a projection between them.
        wide = LAYERS | ({} if kind == "trocr" else {"hidden_size": 16})
        encoder = transformers.ViTModel(transformers.ViTConfig(image_size=SIZE, patch_size=8, **wide))
    return transformers.VisionEncoderDecoderModel(encoder=encoder, decoder=decoder)


def _decoder(transformers: Any, kind: str) -> Any:
    common = {"vocab_size": VOCABULARY, "is_decoder": True, "add_cross_attention": True} | TOKENS
    bart = {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 48}
    bart |= {"max_position_embeddings": 40, "forced_eos_token_id": None}
    if kind.startswith("trocr"):
        sinusoidal = {"use_learned_position_embeddings": False, "layernorm_embedding": False, "scale_embedding": True}
        own = sinusoidal if kind == "trocr_sinusoidal" else {}
        return transformers.TrOCRForCausalLM(transformers.TrOCRConfig(**common, **bart, **own))
    if kind == "gpt2":
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40}
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**common, **sizes))
    if kind == "bert":
        return transformers.BertLMHeadModel(transformers.BertConfig(**common, **LAYERS, max_position_embeddings=40))
    if kind == "bart":
        return transformers.BartForCausalLM(transformers.BartConfig(**common, **bart))
    return transformers.MBartForCausalLM(transformers.MBartConfig(**common, **bart, scale_embedding=True))


def _pix2struct(transformers: Any) -> Any:
    text = {"vocab_size": VOCABULARY, "hidden_size": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    text |= {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 9} | TOKENS
    vision = {"hidden_size": 32, "patch_embed_hidden_size": 48, "d_ff": 48, "d_kv": 8, "num_hidden_layers": 2}
    vision |= {"num_attention_heads": 4, "patch_size": 4, "seq_len": 64}
    config = transformers.Pix2StructConfig(text_config=text, vision_config=vision, **TOKENS)
    return transformers.Pix2StructForConditionalGeneration(config)


def _florence2(transformers: Any) -> Any:
    text = {"model_type": "bart", "vocab_size": VOCABULARY, "d_model": 32, "max_position_embeddings": 60} | TOKENS
    for part in ("encoder", "decoder"):
        text |= {f"{part}_layers": 2, f"{part}_attention_heads": 4, f"{part}_ffn_dim": 48}
    vision = {"depths": (1, 1), "patch_size": (7, 3), "patch_stride": (4, 2), "patch_padding": (3, 1)}
    vision |= {"patch_prenorm": (False, True), "embed_dim": (16, 32), "num_heads": (2, 4), "num_groups": (2, 4)}
    vision |= {"window_size": 3, "projection_dim": 32, "max_position_embeddings": 20}
    return transformers.Florence2ForConditionalGeneration(
        transformers.Florence2Config(text_config=text, vision_config=vision, image_token_id=IMAGE, **TOKENS)
    )


def _widen(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "relative_attention_bias" in name:
                weight.normal_(0, 4)
            elif weight.dim() > 1:
                weight.normal_(0, 1.3 / weight[0].numel() ** 0.5)


def _favor_end(model: Any, favor: float) -> None:
    """Make the end likely: the head's weights of the end token point where the states of random tokens do."""
    head = model.get_output_embeddings()
    head = model.decoder.get_output_embeddings() if head is None else head
    with torch.no_grad():
        head.weight[END] *= favor
