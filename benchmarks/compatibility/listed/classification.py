"""Classes that classify pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compatibility.architecture import Architecture, of_pictures

TASK = "classify"
VIT: Mapping[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": 64,
    "patch_size": 16,
}
LABELS: Mapping[str, Any] = {"num_labels": 7}
CONVNEXT: Mapping[str, Any] = {"hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 2, 1]}
SWIN: Mapping[str, Any] = {
    "image_size": 64,
    "patch_size": 2,
    "embed_dim": 16,
    "depths": [2, 2],
    "num_heads": [2, 4],
    "window_size": 4,
}


def _classifier(name: str, config: Mapping[str, Any], **more: Any) -> Architecture:
    return of_pictures(f"{name}ForImageClassification", TASK, {**config, **LABELS}, **more)


CLASSIFICATION = (
    _classifier("ViT", {"model_type": "vit", **VIT}),
    _classifier("DeiT", {"model_type": "deit", **VIT}),
    _classifier("Beit", {"model_type": "beit", **VIT, "use_relative_position_bias": True}),
    _classifier("Data2VecVision", {"model_type": "data2vec-vision", **VIT, "use_shared_relative_position_bias": True}),
    _classifier("ViTMSN", {"model_type": "vit_msn", **VIT}),
    _classifier("IJepa", {"model_type": "ijepa", **VIT}),
    _classifier("Dinov2", {"model_type": "dinov2", **VIT}),
    _classifier("Dinov2WithRegisters", {"model_type": "dinov2_with_registers", **VIT}),
    _classifier("Siglip", {"model_type": "siglip", "vision_config": VIT}),
    _classifier("CLIP", {"model_type": "clip", "vision_config": VIT}),
    _classifier("Swin", {"model_type": "swin", **SWIN}),
    _classifier("Swinv2", {"model_type": "swinv2", **SWIN}),
    _classifier("DonutSwin", {"model_type": "donut-swin", **SWIN}),
    _classifier(
        "Hiera",
        {
            "model_type": "hiera",
            "image_size": [64, 64],
            "patch_size": [7, 7],
            "patch_stride": [4, 4],
            "patch_padding": [3, 3],
            "embed_dim": 16,
            "depths": [1, 1, 1, 1],
            "num_heads": [1, 2, 4, 8],
            "embed_dim_multiplier": 2.0,
            "query_stride": [2, 2],
            "masked_unit_size": [8, 8],
            "masked_unit_attention": [True, True, False, False],
        },
    ),
    _classifier(
        "Cvt",
        {
            "model_type": "cvt",
            "embed_dim": [16, 24, 32],
            "num_heads": [1, 2, 4],
            "depth": [1, 2, 3],
        },
    ),
    _classifier(
        "Pvt",
        {
            "model_type": "pvt",
            "image_size": 64,
            "hidden_sizes": [16, 24, 32, 40],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 4, 4],
        },
    ),
    _classifier(
        "PvtV2",
        {
            "model_type": "pvt_v2",
            "image_size": 64,
            "hidden_sizes": [16, 24, 32, 40],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 2, 4, 4],
            "mlp_ratios": [2, 2, 2, 2],
        },
    ),
    _classifier(
        "Segformer",
        {
            "model_type": "segformer",
            "hidden_sizes": [16, 16, 32, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
        },
    ),
    _classifier(
        "PoolFormer",
        {
            "model_type": "poolformer",
            "hidden_sizes": [16, 24, 32, 40],
            "depths": [1, 1, 1, 1],
        },
    ),
    _classifier(
        "SwiftFormer",
        {
            "model_type": "swiftformer",
            "image_size": 64,
            "embed_dims": [16, 24, 32, 40],
            "depths": [1, 1, 1, 1],
        },
    ),
    _classifier(
        "MobileViT",
        {
            "model_type": "mobilevit",
            "image_size": 64,
            "hidden_sizes": [32, 40, 48],
            "neck_hidden_sizes": [8, 16, 24, 32, 40, 48, 96],
        },
    ),
    _classifier("MobileViTV2", {"model_type": "mobilevitv2", "image_size": 64, "width_multiplier": 0.25}),
    _classifier(
        "Levit",
        {
            "model_type": "levit",
            "image_size": 64,
            "hidden_sizes": [16, 32, 48],
            "num_attention_heads": [1, 2, 3],
            "depths": [1, 1, 1],
            "key_dim": [8, 8, 8],
        },
    ),
    _classifier(
        "FocalNet",
        {
            "model_type": "focalnet",
            "image_size": 64,
            "embed_dim": 16,
            "depths": [1, 1],
            "focal_levels": [2, 2],
            "focal_windows": [3, 3],
            "hidden_sizes": [16, 32],
        },
    ),
    _classifier("ConvNext", {"model_type": "convnext", **CONVNEXT}),
    _classifier("ConvNextV2", {"model_type": "convnextv2", **CONVNEXT}),
    _classifier(
        "ResNet",
        {
            "model_type": "resnet",
            "embedding_size": 16,
            "hidden_sizes": [16, 24, 32, 40],
            "depths": [1, 1, 2, 1],
            "layer_type": "basic",
        },
    ),
    _classifier(
        "RegNet",
        {
            "model_type": "regnet",
            "embedding_size": 16,
            "hidden_sizes": [16, 24, 32, 40],
            "depths": [1, 1, 2, 1],
            "groups_width": 8,
        },
    ),
    _classifier(
        "Bit",
        {"model_type": "bit", "embedding_size": 16, "hidden_sizes": [32, 32, 64, 64], "depths": [1, 1, 1, 1], "num_groups": 4},
    ),
    _classifier(
        "EfficientNet", {"model_type": "efficientnet", "width_coefficient": 0.25, "depth_coefficient": 0.25, "hidden_dim": 320}
    ),
    _classifier("MobileNetV1", {"model_type": "mobilenet_v1", "depth_multiplier": 0.25}),
    _classifier("MobileNetV2", {"model_type": "mobilenet_v2", "depth_multiplier": 0.25}),
    _classifier(
        "HGNetV2",
        {
            "model_type": "hgnet_v2",
            "embedding_size": 16,
            "hidden_sizes": [32, 32, 64, 64],
            "depths": [1, 1, 1, 1],
            "stem_channels": [3, 8, 16],
            "stage_in_channels": [16, 32, 32, 64],
            "stage_mid_channels": [8, 8, 16, 16],
            "stage_out_channels": [32, 32, 64, 64],
            "stage_num_blocks": [1, 1, 1, 1],
            "stage_numb_of_layers": [2, 2, 2, 2],
        },
    ),
    _classifier(
        "TextNet",
        {
            "model_type": "textnet",
            "stem_num_channels": 3,
            "stem_out_channels": 8,
            "hidden_sizes": [8, 8, 16, 24, 32],
            "conv_layer_kernel_sizes": [[[3, 3]], [[3, 3]], [[3, 1]], [[1, 3]]],
            "conv_layer_strides": [[1], [2], [2], [2]],
        },
    ),
)
