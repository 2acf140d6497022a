"""Classes that answer with points, masks of points, or another picture."""

from __future__ import annotations

from benchmarks.compatibility.architecture import Architecture, of_pictures
from benchmarks.compatibility.listed.classification import VIT

TASK = "other"
DETR_VIT = {**VIT, "image_size": 64, "pretrain_image_size": 64}

PICTURES = (
    of_pictures(
        "Swin2SRForImageSuperResolution",
        TASK,
        {
            "model_type": "swin2sr",
            "image_size": 64,
            "patch_size": 1,
            "embed_dim": 12,
            "depths": [1, 1],
            "num_heads": [2, 2],
            "window_size": 8,
            "upscale": 2,
        },
    ),
    of_pictures(
        "VitMatteForImageMatting",
        TASK,
        {
            "model_type": "vitmatte",
            "hidden_size": 32,
            "fusion_hidden_sizes": [32, 16, 16, 8],
            "convstream_hidden_sizes": [8, 8, 16],
            "backbone_config": {
                "model_type": "vitdet",
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "image_size": 64,
                "pretrain_image_size": 64,
                "patch_size": 16,
                "num_channels": 4,
                "out_features": ["stage2"],
            },
        },
        channels=4,
    ),
    of_pictures(
        "VitPoseForPoseEstimation",
        TASK,
        {
            "model_type": "vitpose",
            "num_labels": 5,
            "backbone_config": {
                "model_type": "vitpose_backbone",
                **VIT,
                "image_size": [64, 64],
                "patch_size": [16, 16],
                "out_features": ["stage2"],
                "part_features": 8,
                "num_experts": 1,
            },
        },
    ),
    of_pictures(
        "SuperPointForKeypointDetection",
        TASK,
        {
            "model_type": "superpoint",
            "encoder_hidden_sizes": [16, 16, 16, 16],
            "decoder_hidden_size": 16,
            "descriptor_decoder_dim": 16,
            "max_keypoints": 8,
        },
    ),
    Architecture(
        "SamModel",
        TASK,
        {
            "model_type": "sam",
            "vision_config": {
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "image_size": 64,
                "patch_size": 16,
                "output_channels": 16,
                "mlp_dim": 64,
                "window_size": 2,
                "global_attn_indexes": [1],
                "num_pos_feats": 8,
            },
            "prompt_encoder_config": {"hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
            "mask_decoder_config": {
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "mlp_dim": 32,
                "iou_head_hidden_dim": 16,
            },
        },
        inputs={"pixel_values": "FP32[3,64,64]", "input_points": "FP32[1,2,2]"},
        returns={"pred_masks": "pred_masks", "iou_scores": "iou_scores"},
    ),
)
