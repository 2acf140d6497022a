"""Classes that segment pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compatibility.architecture import Architecture, of_pictures
from benchmarks.compatibility.listed.classification import CONVNEXT, VIT
from benchmarks.compatibility.listed.detection import RESNET

TASK = "segment"
BACKBONE: Mapping[str, Any] = {**RESNET, "out_features": ["stage1", "stage2", "stage3", "stage4"]}
QUERIES = {name: name for name in ("class_queries_logits", "masks_queries_logits")}


def _segmenter(name: str, config: Mapping[str, Any], **more: Any) -> Architecture:
    return of_pictures(name, TASK, {**config, "num_labels": 5}, **more)


SEGMENTATION = (
    _segmenter(
        "SegformerForSemanticSegmentation",
        {
            "model_type": "segformer",
            "hidden_sizes": [16, 16, 32, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "decoder_hidden_size": 32,
        },
    ),
    _segmenter(
        "UperNetForSemanticSegmentation",
        {
            "model_type": "upernet",
            "hidden_size": 32,
            "use_auxiliary_head": False,
            "pool_scales": [1, 2, 3, 6],
            "backbone_config": {"model_type": "convnext", **CONVNEXT, "out_features": ["stage1", "stage2", "stage3", "stage4"]},
        },
    ),
    _segmenter(
        "BeitForSemanticSegmentation",
        {
            "model_type": "beit",
            **VIT,
            "num_hidden_layers": 4,
            "use_relative_position_bias": True,
            "out_indices": [1, 2, 3, 4],
            "use_auxiliary_head": False,
        },
    ),
    _segmenter(
        "Data2VecVisionForSemanticSegmentation",
        {
            "model_type": "data2vec-vision",
            **VIT,
            "num_hidden_layers": 4,
            "use_relative_position_bias": True,
            "out_indices": [1, 2, 3, 4],
            "use_auxiliary_head": False,
        },
    ),
    _segmenter(
        "DPTForSemanticSegmentation",
        {
            "model_type": "dpt",
            **VIT,
            "num_hidden_layers": 4,
            "backbone_out_indices": [0, 1, 2, 3],
            "neck_hidden_sizes": [16, 16, 32, 32],
            "fusion_hidden_size": 16,
            "use_auxiliary_head": False,
        },
    ),
    _segmenter("MobileNetV2ForSemanticSegmentation", {"model_type": "mobilenet_v2", "depth_multiplier": 0.25}),
    _segmenter(
        "MobileViTForSemanticSegmentation",
        {
            "model_type": "mobilevit",
            "image_size": 64,
            "hidden_sizes": [32, 40, 48],
            "neck_hidden_sizes": [8, 16, 24, 32, 40, 48, 96],
            "aspp_out_channels": 16,
            "atrous_rates": [1, 2, 3],
        },
    ),
    _segmenter(
        "MobileViTV2ForSemanticSegmentation",
        {
            "model_type": "mobilevitv2",
            "image_size": 64,
            "width_multiplier": 0.25,
            "aspp_out_channels": 16,
            "atrous_rates": [1, 2, 3],
        },
    ),
    _segmenter(
        "MaskFormerForInstanceSegmentation",
        {
            "model_type": "maskformer",
            "fpn_feature_size": 32,
            "mask_feature_size": 32,
            "backbone_config": BACKBONE,
            "decoder_config": {
                "model_type": "detr",
                "d_model": 32,
                "encoder_layers": 1,
                "decoder_layers": 2,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
                "num_queries": 6,
            },
        },
        returns=QUERIES,
    ),
    _segmenter(
        "Mask2FormerForUniversalSegmentation",
        {
            "model_type": "mask2former",
            "backbone_config": BACKBONE,
            "feature_size": 32,
            "mask_feature_size": 32,
            "hidden_dim": 32,
            "encoder_feedforward_dim": 64,
            "encoder_layers": 1,
            "decoder_layers": 3,
            "num_attention_heads": 4,
            "dim_feedforward": 64,
            "num_queries": 6,
        },
        returns=QUERIES,
    ),
    _segmenter(
        "EomtForUniversalSegmentation",
        {
            "model_type": "eomt",
            **VIT,
            "num_blocks": 1,
            "num_queries": 6,
            "num_upscale_blocks": 1,
        },
        returns=QUERIES,
    ),
)
