"""Boxes, labels and scores against transformers' own processor, model and post-processing, on the very checkpoint."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import turnout
from turnout_vision.regions.region import Region

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

ATTENTION = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "layer_type": "basic"}
DETR: dict[str, Any] = {
    "use_timm_backbone": False, "d_model": 32, "num_queries": 12, "encoder_layers": 1, "decoder_layers": 1, **ATTENTION,
    "backbone_config": {"model_type": "resnet", "out_features": ["stage4"], **RESNET},
}  # fmt: skip
CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Detr": (DETR, {"size": {"shortest_edge": 64, "longest_edge": 90}}),
    "ConditionalDetr": (DETR, {"size": {"shortest_edge": 64, "longest_edge": 90}}),
    "RTDetr": (
        {
            "encoder_in_channels": [16, 24, 32], "encoder_hidden_dim": 32, "d_model": 32, "num_queries": 30,
            "decoder_layers": 1, "decoder_in_channels": [32, 32, 32], "feat_strides": [8, 16, 32],
            "num_denoising": 0, **ATTENTION,
            "backbone_config": {"model_type": "rt_detr_resnet", "out_features": ["stage2", "stage3", "stage4"], **RESNET},
        },
        {"size": {"height": 64, "width": 96}},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    rows, columns = np.indices((71, 97))
    return np.stack([rows * 3, columns * 2, (rows * columns) % 251], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module", params=CONFIGS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    family: str = request.param
    config, processor = CONFIGS[family]
    torch.manual_seed(3)
    labels = {index: f"kind {index}" for index in range(4)}
    model = getattr(transformers, f"{family}ForObjectDetection")(
        getattr(transformers, f"{family}Config")(id2label=labels, **config)
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Random weights give all queries the same box; these do not.
            parameter.mul_(6 if "class" in name or "bbox" in name or "query" in name else 1)
    folder = tmp_path_factory.mktemp(family)
    model.save_pretrained(folder)
    getattr(transformers, f"{family}ImageProcessorPil")(**processor).save_pretrained(folder)
    return family, folder


def theirs(family: str, folder: Path, photo: NDArray[np.uint8], threshold: float) -> list[Region]:
    processor = getattr(transformers, f"{family}ImageProcessorPil").from_pretrained(folder)
    model = getattr(transformers, f"{family}ForObjectDetection").from_pretrained(folder).eval()
    with torch.no_grad():
        outputs = model(**processor(photo, return_tensors="pt"))
    (found,) = processor.post_process_object_detection(outputs, threshold, [photo.shape[:2]])
    height, width = photo.shape[:2]
    regions = []
    for index in torch.argsort(found["scores"], descending=True, stable=True).tolist():
        left, top, right, bottom = found["boxes"][index].tolist()
        box = max(0, math.floor(left)), max(0, math.floor(top)), min(width, math.ceil(right)), min(height, math.ceil(bottom))
        regions.append(Region(*box, model.config.id2label[int(found["labels"][index])], float(found["scores"][index])))
    return regions


def test_the_step_finds_what_transformers_finds(saved: tuple[str, Path], photo: NDArray[np.uint8]) -> None:
    family, folder = saved
    scores = [region.score or 0.0 for region in theirs(family, folder, photo, 0.0)]
    # Where two scores differ most, so that no rounding decides which boxes remain.
    gaps = {scores[index] - scores[index + 1]: index for index in range(4, len(scores) - 1)}
    cut = gaps[max(gaps)]
    threshold = (scores[cut] + scores[cut + 1]) / 2
    backend = {"loader": "transformers", "class": f"{family}ForObjectDetection", "checkpoint": str(folder), "device": "cpu"}
    settings = {
        "models": {"detector": {"backend": "direct", "backends": {"direct": backend}}},
        "pipelines": {"find": ["load_image", {"detect": {"model": "detector", "score_threshold": threshold}}]},
    }

    with turnout.open(settings) as app:
        result = app.run("find", image=photo)

    expected = theirs(family, folder, photo, threshold)
    assert not result.failures
    assert len(expected) >= 5
    assert len(set(expected)) > 1
    assert [region.label for region in result["regions"]] == [region.label for region in expected]
    assert [region.score for region in result["regions"]] == pytest.approx([region.score for region in expected], abs=1e-4)
    for region, other in zip(result["regions"], expected, strict=True):
        # The outward rounding may differ where a side is a whole number but for 1e-4.
        assert region.box == pytest.approx(other.box, abs=1)
