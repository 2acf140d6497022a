"""Classes that estimate depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.compatibility.architecture import of_pictures
from benchmarks.compatibility.listed.classification import VIT

TASK = "estimate_depth"
DINOV2: Mapping[str, Any] = {
    "model_type": "dinov2",
    **VIT,
    "num_hidden_layers": 4,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
    "apply_layernorm": True,
    "reshape_hidden_states": False,
}
NECK: Mapping[str, Any] = {"neck_hidden_sizes": [16, 16, 32, 32], "fusion_hidden_size": 16}

DEPTH = (
    of_pictures(
        "DPTForDepthEstimation",
        TASK,
        {
            "model_type": "dpt",
            **VIT,
            **NECK,
            "num_hidden_layers": 4,
            "backbone_out_indices": [0, 1, 2, 3],
        },
    ),
    of_pictures(
        "DepthAnythingForDepthEstimation",
        TASK,
        {
            "model_type": "depth_anything",
            "backbone_config": DINOV2,
            **NECK,
            "patch_size": 16,
            "reassemble_hidden_size": 32,
            "head_hidden_size": 16,
        },
    ),
    of_pictures(
        "GLPNForDepthEstimation",
        TASK,
        {
            "model_type": "glpn",
            "hidden_sizes": [16, 16, 32, 32],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "decoder_hidden_size": 16,
        },
    ),
    of_pictures(
        "ZoeDepthForDepthEstimation",
        TASK,
        {
            "model_type": "zoedepth",
            **NECK,
            "bottleneck_features": 16,
            "num_relative_features": 8,
            "readout_type": "project",
            "reassemble_factors": [4, 2, 1, 0.5],
            "backbone_config": {
                "model_type": "beit",
                **VIT,
                "num_hidden_layers": 4,
                "out_features": ["stage1", "stage2", "stage3", "stage4"],
                "reshape_hidden_states": False,
                "use_relative_position_bias": True,
            },
            "bin_configurations": [{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}],
            "num_attractors": [4, 2, 1, 1],
            "bin_embedding_dim": 16,
        },
    ),
)
