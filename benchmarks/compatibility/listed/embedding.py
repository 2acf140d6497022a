"""Classes that embed pictures and texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compatibility.architecture import Architecture, of_pictures
from benchmarks.compatibility.listed.classification import VIT

TASK = "embed"
TEXT: Mapping[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "vocab_size": 99,
    "max_position_embeddings": 32,
}
CLIP_TEXT: Mapping[str, Any] = {**TEXT, "bos_token_id": 97, "eos_token_id": 98, "pad_token_id": 1}
IDS: Mapping[str, tuple[int, int]] = {"input_ids": (3, 99)}
MASKED = {"input_ids": "INT64[8]", "attention_mask": "INT64[8]"}


def _texts(name: str, config: Mapping[str, Any], inputs: Mapping[str, str], **more: Any) -> Architecture:
    free = {name: spec.replace("8", "-1") for name, spec in inputs.items()}
    sizes = tuple(dict.fromkeys(inputs, (length,)) for length in (5, 17))
    return Architecture(name, TASK, config, inputs=inputs, free=free, other_sizes=sizes, integers=IDS, **more)


EMBEDDING = (
    of_pictures("ViTModel", TASK, {"model_type": "vit", **VIT}),
    of_pictures("Dinov2Model", TASK, {"model_type": "dinov2", **VIT}),
    of_pictures("DINOv3ViTModel", TASK, {"model_type": "dinov3_vit", **VIT, "num_register_tokens": 2}),
    of_pictures(
        "DINOv3ConvNextModel", TASK, {"model_type": "dinov3_convnext", "hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 1, 1]}
    ),
    of_pictures("CLIPVisionModelWithProjection", TASK, {"model_type": "clip_vision_model", **VIT, "projection_dim": 16}),
    of_pictures("SiglipVisionModel", TASK, {"model_type": "siglip_vision_model", **VIT}),
    of_pictures("BlipVisionModel", TASK, {"model_type": "blip_vision_model", **VIT}),
    _texts("CLIPTextModelWithProjection", {"model_type": "clip_text_model", **CLIP_TEXT, "projection_dim": 16}, MASKED),
    _texts("SiglipTextModel", {"model_type": "siglip_text_model", **TEXT, "projection_size": 16}, {"input_ids": "INT64[8]"}),
    Architecture(
        "CLIPModel",
        TASK,
        {"model_type": "clip", "text_config": CLIP_TEXT, "vision_config": VIT, "projection_dim": 16},
        inputs={**MASKED, "pixel_values": "FP32[3,64,64]"},
        integers=IDS,
        returns={"logits_per_image": "logits_per_image"},
    ),
)
