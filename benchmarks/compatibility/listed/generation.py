"""Classes that write texts about pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compatibility.architecture import Architecture
from benchmarks.compatibility.listed.classification import SWIN, VIT

TASK = "generate"
PICTURE = {"pixel_values": "FP32[3,64,64]"}
PROMPT = {**PICTURE, "input_ids": "INT64[4]", "attention_mask": "INT64[4]"}
LIMIT: Mapping[str, Any] = {"max_length": 12}
BLIP_TEXT: Mapping[str, Any] = {
    "hidden_size": 32,
    "encoder_hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 60,
    "max_position_embeddings": 32,
    "bos_token_id": 1,
    "sep_token_id": 2,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "projection_dim": 16,
    "is_decoder": True,
}
BLIP: Mapping[str, Any] = {
    "model_type": "blip",
    "text_config": BLIP_TEXT,
    "vision_config": {**VIT, "projection_dim": 16},
    "projection_dim": 16,
    "image_text_hidden_size": 16,
}
QFORMER: Mapping[str, Any] = {
    "hidden_size": 32,
    "encoder_hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 60,
    "max_position_embeddings": 32,
}
OPT: Mapping[str, Any] = {
    "model_type": "opt",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "ffn_dim": 64,
    "vocab_size": 60,
    "max_position_embeddings": 64,
    "word_embed_proj_dim": 32,
    "bos_token_id": 2,
    "eos_token_id": 2,
    "pad_token_id": 1,
}
T5: Mapping[str, Any] = {
    "model_type": "t5",
    "d_model": 32,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "d_kv": 8,
    "d_ff": 64,
    "vocab_size": 60,
    "decoder_start_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
TROCR: Mapping[str, Any] = {
    "model_type": "trocr",
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64,
    "vocab_size": 60,
    "max_position_embeddings": 32,
    "cross_attention_hidden_size": 32,
    "is_decoder": True,
    "add_cross_attention": True,
    "use_cache": True,
}
MBART: Mapping[str, Any] = {
    "model_type": "mbart",
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64,
    "vocab_size": 60,
    "max_position_embeddings": 32,
    "is_decoder": True,
    "is_encoder_decoder": False,
    "add_cross_attention": True,
    "add_final_layer_norm": True,
}
GPT2: Mapping[str, Any] = {
    "model_type": "gpt2",
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "vocab_size": 60,
    "n_positions": 32,
    "is_decoder": True,
    "add_cross_attention": True,
    "bos_token_id": 2,
    "eos_token_id": 2,
}
STARTS: Mapping[str, Any] = {"decoder_start_token_id": 2, "pad_token_id": 1, "eos_token_id": 2, "bos_token_id": 0}
PATCH_TEXT: Mapping[str, Any] = {
    "hidden_size": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "vocab_size": 60,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 9,
    **STARTS,
}
PATCH_VISION: Mapping[str, Any] = {
    "hidden_size": 32,
    "patch_embed_hidden_size": 48,
    "d_ff": 48,
    "d_kv": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "patch_size": 4,
    "seq_len": 64,
}
BART: Mapping[str, Any] = {
    "model_type": "bart",
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "vocab_size": 60,
    "max_position_embeddings": 60,
    **STARTS,
}
DAVIT: Mapping[str, Any] = {
    "depths": [1, 1],
    "patch_size": [7, 3],
    "patch_stride": [4, 2],
    "patch_padding": [3, 1],
    "patch_prenorm": [False, True],
    "embed_dim": [16, 32],
    "num_heads": [2, 4],
    "num_groups": [2, 4],
    "window_size": 3,
    "projection_dim": 32,
    "max_position_embeddings": 20,
}
TOKENS: Mapping[str, tuple[int, int]] = {"input_ids": (4, 60)}


def _texts_of(name: str, config: Mapping[str, Any], inputs: Mapping[str, str] = PICTURE, **more: Any) -> Architecture:
    return Architecture(name, TASK, config, inputs=inputs, generate=LIMIT, **{"integers": TOKENS, **more})


GENERATION = (
    _texts_of("BlipForConditionalGeneration", BLIP, PROMPT),
    _texts_of("BlipForQuestionAnswering", BLIP, PROMPT),
    _texts_of(
        "Blip2ForConditionalGeneration",
        {
            "model_type": "blip-2",
            "vision_config": VIT,
            "qformer_config": QFORMER,
            "text_config": OPT,
            "num_query_tokens": 4,
            "image_token_index": 59,
            "use_decoder_only_language_model": True,
        },
        {**PICTURE, "input_ids": "INT64[7]", "attention_mask": "INT64[7]"},
        first_tokens={"input_ids": (59, 59, 59, 59)},
        integers={"input_ids": (4, 59)},
    ),
    _texts_of(
        "VisionEncoderDecoderModel",
        {"model_type": "vision-encoder-decoder", "encoder": {"model_type": "vit", **VIT}, "decoder": TROCR, **STARTS},
        parts="ViT and TrOCR",
    ),
    _texts_of(
        "VisionEncoderDecoderModel",
        {"model_type": "vision-encoder-decoder", "encoder": {"model_type": "donut-swin", **SWIN}, "decoder": MBART, **STARTS},
        parts="Donut",
    ),
    _texts_of(
        "VisionEncoderDecoderModel",
        {"model_type": "vision-encoder-decoder", "encoder": {"model_type": "vit", **VIT}, "decoder": GPT2, **STARTS},
        parts="ViT and GPT-2",
    ),
    _texts_of(
        "Pix2StructForConditionalGeneration",
        {"model_type": "pix2struct", "text_config": PATCH_TEXT, "vision_config": PATCH_VISION, **STARTS},
        {"flattened_patches": "FP32[16,50]", "attention_mask": "FP32[16]"},
    ),
    _texts_of(
        "Florence2ForConditionalGeneration",
        {"model_type": "florence2", "text_config": BART, "vision_config": DAVIT, "image_token_id": 3, **STARTS},
        {"pixel_values": "FP32[3,32,32]", "input_ids": "INT64[20]", "attention_mask": "INT64[20]"},
        first_tokens={"input_ids": (3,) * 17},
        seed=10,
    ),
    _texts_of(
        "InstructBlipForConditionalGeneration",
        {
            "model_type": "instructblip",
            "vision_config": VIT,
            "qformer_config": QFORMER,
            "text_config": OPT,
            "num_query_tokens": 4,
            "image_token_index": 59,
        },
        {
            **PICTURE,
            "input_ids": "INT64[7]",
            "attention_mask": "INT64[7]",
            "qformer_input_ids": "INT64[5]",
            "qformer_attention_mask": "INT64[5]",
        },
        first_tokens={"input_ids": (59, 59, 59, 59)},
        integers={"input_ids": (4, 59), "qformer_input_ids": (4, 59)},
    ),
)
