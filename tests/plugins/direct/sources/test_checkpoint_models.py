"""The models of a checkpoint, from its configuration alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import ConfigurationError
from turnout_direct.sources.checkpoint_models import checkpoint_models

Write = Callable[..., Path]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Write:
    """Return a function that writes config.json and, if it is given, preprocessor_config.json."""

    def write(config: dict[str, Any], processor: dict[str, Any] | None = None, **files: dict[str, Any]) -> Path:
        folder = tmp_path / "net"
        folder.mkdir(exist_ok=True)
        parts = {"config": config, "preprocessor_config": processor, **files}
        for name, content in parts.items():
            if content is not None:
                (folder / f"{name}.json").write_text(json.dumps(content))
        return folder

    return write


def inputs_of(folder: Path) -> list[str]:
    [model] = checkpoint_models(folder, "net", {})
    found = [variant["inputs"]["pixel_values"] for variant in (model.settings, *model.alternatives)]
    return list(dict.fromkeys(found))


VIT = {"architectures": ["ViTForImageClassification"], "image_size": 224}


@pytest.mark.parametrize(
    ("config", "processor", "inputs"),
    [
        (VIT, None, ["FP32[3,224,224]"]),
        (VIT, {"size": {"height": 48, "width": 64}}, ["FP32[3,48,64]", "FP32[3,224,224]"]),
        (VIT, {"size": 48}, ["FP32[3,48,48]", "FP32[3,224,224]"]),
        (
            VIT,
            {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}},
            ["FP32[3,224,224]", "FP32[3,256,256]"],
        ),
        (
            {"architectures": ["DetrForObjectDetection"], "backbone_config": {}},
            {"size": {"shortest_edge": 800, "longest_edge": 1333}},
            ["FP32[3,-1,-1]", "FP32[3,800,800]"],
        ),
        (
            {"architectures": ["YolosForObjectDetection"], "image_size": [512, 864]},
            {"size": {"shortest_edge": 512, "longest_edge": 864}},
            ["FP32[3,-1,-1]", "FP32[3,512,864]", "FP32[3,512,512]"],
        ),
        (
            {"architectures": ["SamModel"], "vision_config": {"image_size": 1024}},
            {"size": {"longest_edge": 1024}, "pad_size": {"height": 1024, "width": 1024}},
            ["FP32[3,1024,1024]"],
        ),
        ({**VIT, "num_channels": 1}, {"size": {"height": 28, "width": 28}}, ["FP32[1,28,28]", "FP32[1,224,224]"]),
        ({"architectures": ["ResNetForImageClassification"], "num_channels": 3}, None, ["FP32[3,-1,-1]", "FP32[3,224,224]"]),
        (VIT, {"do_resize": False, "size": {"height": 48, "width": 64}}, ["FP32[3,-1,-1]", "FP32[3,224,224]"]),
    ],
)
def test_inputs_come_from_the_checkpoint_itself(checkpoint: Write, config: Any, processor: Any, inputs: list[str]) -> None:
    assert inputs_of(checkpoint(config, processor)) == inputs


@pytest.mark.parametrize(
    ("kind", "task", "outputs"),
    [
        ("ViTForImageClassification", "image-classification", ["logits"]),
        ("DeiTForImageClassificationWithTeacher", "image-classification", ["logits"]),
        ("RTDetrForObjectDetection", "object-detection", ["logits", "pred_boxes"]),
        ("UperNetForSemanticSegmentation", "semantic-segmentation", ["logits"]),
        ("MaskFormerForInstanceSegmentation", "universal-segmentation", ["class_queries_logits", "masks_queries_logits"]),
        ("DPTForDepthEstimation", "depth-estimation", ["predicted_depth"]),
        ("SiglipVisionModel", "image-feature-extraction", ["pooler_output"]),
        ("CLIPVisionModelWithProjection", "image-feature-extraction", ["image_embeds"]),
        ("Dinov2Model", "image-feature-extraction", []),
        ("SomethingElse", "", []),
    ],
)
def test_the_task_and_its_outputs_come_from_the_class(checkpoint: Write, kind: str, task: str, outputs: list[str]) -> None:
    [model] = checkpoint_models(checkpoint({"architectures": [kind], "image_size": 32}), "net", {})

    assert (model.name, model.kind, model.task) == ("net", kind, task)
    assert list(model.options.get("returns", {})) == outputs


def test_a_model_that_writes_texts_needs_no_inputs(checkpoint: Write) -> None:
    config = {"architectures": ["BlipForConditionalGeneration"], "vision_config": {"image_size": 384}}

    [model] = checkpoint_models(checkpoint(config, generation_config={}), "net", {})

    assert (model.task, model.options["method"], "inputs" in model.settings) == ("image-to-text", "generate", False)


def test_a_class_that_writes_no_text_is_called_by_forward_though_it_has_a_generation_config(checkpoint: Write) -> None:
    [model] = checkpoint_models(checkpoint(VIT, generation_config={}), "net", {})

    assert "method" not in model.options


def test_a_model_of_pictures_and_texts_becomes_two_whose_rows_are_independent(checkpoint: Write) -> None:
    config = {"architectures": ["CLIPModel"], "text_config": {}, "vision_config": {"image_size": 32}}

    picture, text = checkpoint_models(checkpoint(config), "net", {})

    assert [(one.name, one.role, one.task) for one in (picture, text)] == [
        ("net_picture", "picture", "zero-shot-image-classification"),
        ("net_text", "text", "text-feature-extraction"),
    ]
    assert text.settings["inputs"] == {"input_ids": "INT64[-1]", "attention_mask": "INT64[-1]"}
    assert picture.settings["inputs"] == {"pixel_values": "FP32[3,32,32]"}


def test_options_of_the_user_come_first(checkpoint: Write) -> None:
    [model] = checkpoint_models(checkpoint(VIT), "net", {"class": "AutoModel", "returns": {"y": 0}})

    assert (model.kind, model.options["returns"]) == ("AutoModel", {"y": 0})


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"architectures": 3}'])
def test_a_damaged_config_is_refused_in_one_line(checkpoint: Write, text: str) -> None:
    folder = checkpoint(VIT)
    (folder / "config.json").write_text(text)

    with pytest.raises(ConfigurationError, match=r"config\.json") as caught:
        checkpoint_models(folder, "net", {})

    assert "\n" not in str(caught.value)
