"""Classes that detect objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compatibility.architecture import Architecture, of_pictures
from benchmarks.compatibility.listed.classification import VIT

TASK = "detect"
RESNET: Mapping[str, Any] = {
    "model_type": "resnet",
    "embedding_size": 16,
    "hidden_sizes": [16, 24, 32, 40],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
}
LAST: Mapping[str, Any] = {**RESNET, "out_features": ["stage4"]}
THREE: Mapping[str, Any] = {**RESNET, "out_features": ["stage2", "stage3", "stage4"]}
BOXES = {"logits": "logits", "pred_boxes": "pred_boxes"}
DETR: Mapping[str, Any] = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "num_queries": 12,
    "num_labels": 7,
    "use_timm_backbone": False,
    "use_pretrained_backbone": False,
    "backbone": None,
}
HYBRID: Mapping[str, Any] = {
    "encoder_hidden_dim": 32,
    "encoder_in_channels": [24, 32, 40],
    "feat_strides": [8, 16, 32],
    "encoder_layers": 1,
    "encoder_ffn_dim": 64,
    "encoder_attention_heads": 2,
    "encode_proj_layers": [2],
    "d_model": 32,
    "num_queries": 12,
    "decoder_in_channels": [32, 32, 32],
    "decoder_ffn_dim": 64,
    "num_feature_levels": 3,
    "decoder_n_points": 4,
    "decoder_layers": 2,
    "decoder_attention_heads": 2,
    "num_labels": 7,
    "num_denoising": 0,
    "freeze_backbone_batch_norms": False,
}
RT_RESNET: Mapping[str, Any] = {**THREE, "model_type": "rt_detr_resnet"}
HGNET: Mapping[str, Any] = {
    "model_type": "hgnet_v2",
    "embedding_size": 16,
    "hidden_sizes": [16, 24, 32, 40],
    "depths": [1, 1, 1, 1],
    "stem_channels": [3, 8, 16],
    "stage_in_channels": [16, 16, 24, 32],
    "stage_mid_channels": [8, 8, 16, 16],
    "stage_out_channels": [16, 24, 32, 40],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_numb_of_layers": [2, 2, 2, 2],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5],
    "out_features": ["stage2", "stage3", "stage4"],
}


def _detector(name: str, config: Mapping[str, Any]) -> Architecture:
    return of_pictures(f"{name}ForObjectDetection", TASK, config, returns=BOXES)


DETECTION = (
    _detector("Detr", {"model_type": "detr", **DETR, "backbone_config": LAST}),
    _detector("TableTransformer", {"model_type": "table-transformer", **DETR, "backbone_config": LAST}),
    _detector("ConditionalDetr", {"model_type": "conditional_detr", **DETR, "backbone_config": LAST}),
    _detector("DabDetr", {"model_type": "dab-detr", **DETR, "hidden_size": 32, "backbone_config": LAST}),
    _detector("DeformableDetr", {"model_type": "deformable_detr", **DETR, "backbone_config": THREE, "num_feature_levels": 3}),
    _detector("RTDetr", {"model_type": "rt_detr", **HYBRID, "backbone_config": RT_RESNET}),
    _detector("RTDetrV2", {"model_type": "rt_detr_v2", **HYBRID, "backbone_config": RT_RESNET, "decoder_n_levels": 3}),
    _detector("DFine", {"model_type": "d_fine", **HYBRID, "backbone_config": HGNET, "decoder_n_points": [3, 6, 3]}),
    _detector("Yolos", {"model_type": "yolos", **VIT, "image_size": [64, 64], "num_detection_tokens": 8, "num_labels": 7}),
)
