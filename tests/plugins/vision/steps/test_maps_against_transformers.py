"""Class maps and depth maps against transformers' own post-processing, on the very checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import turnout
from turnout_vision.maps import class_map as class_maps
from turnout_vision.maps.axis import Axis, Floats, linear_axis

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

NAMES = {index: f"kind {index}" for index in range(7)}
SWIN = {"image_size": 64, "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 2}
STAGES = ["stage1", "stage2", "stage3", "stage4"]
SQUARE = {"height": 64, "width": 64}
VIT = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 48, "image_size": 64}


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    rows, columns = np.indices((93, 141))
    return np.stack([rows * 2, columns, (rows * columns) % 251], axis=-1).astype(np.uint8)


def segformer() -> tuple[Any, Any]:
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 16, 16, 16],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label=NAMES,
    )
    return transformers.SegformerForSemanticSegmentation(config), transformers.SegformerImageProcessorPil(size=SQUARE)


def upernet() -> tuple[Any, Any]:
    backbone = transformers.SwinConfig(**SWIN, out_features=STAGES)
    config = transformers.UperNetConfig(
        backbone_config=backbone,
        hidden_size=16,
        auxiliary_channels=8,
        use_auxiliary_head=False,
        id2label=NAMES,
        pool_scales=[1, 2],
    )
    return transformers.UperNetForSemanticSegmentation(config), transformers.SegformerImageProcessorPil(size=SQUARE)


def beit() -> tuple[Any, Any]:
    config = transformers.BeitConfig(
        **VIT, patch_size=16, out_indices=[1, 2, 3, 4], pool_scales=[1, 2], use_auxiliary_head=False, id2label=NAMES
    )
    processor = transformers.BeitImageProcessorPil(size=SQUARE, do_center_crop=False)
    return transformers.BeitForSemanticSegmentation(config), processor


def mask2former() -> tuple[Any, Any]:
    config = transformers.Mask2FormerConfig(
        backbone_config=transformers.SwinConfig(**SWIN, out_features=STAGES),
        feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=16, encoder_layers=1, decoder_layers=2,
        num_attention_heads=2, dim_feedforward=16, num_queries=9, id2label=NAMES,
    )  # fmt: skip
    return transformers.Mask2FormerForUniversalSegmentation(config), transformers.SegformerImageProcessorPil(size=SQUARE)


def maskformer() -> tuple[Any, Any]:
    decoder = transformers.DetrConfig(
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=9, backbone_config=transformers.ResNetConfig(),
    )  # fmt: skip
    config = transformers.MaskFormerConfig(
        backbone_config=transformers.SwinConfig(**SWIN, out_features=STAGES), decoder_config=decoder, fpn_feature_size=32,
        mask_feature_size=32, id2label=NAMES,
    )  # fmt: skip
    processor = transformers.MaskFormerImageProcessorPil(size=SQUARE, size_divisor=32)
    return transformers.MaskFormerForInstanceSegmentation(config), processor


def dpt() -> tuple[Any, Any]:
    config = transformers.DPTConfig(
        **VIT, patch_size=16, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8
    )
    return transformers.DPTForDepthEstimation(config), transformers.DPTImageProcessorPil(size=SQUARE)


def depth_anything() -> tuple[Any, Any]:
    backbone = transformers.Dinov2Config(
        hidden_size=24, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14, mlp_ratio=2,
        out_features=STAGES, reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=24, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, patch_size=14
    )
    processor = transformers.DPTImageProcessorPil(
        size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14
    )
    return transformers.DepthAnythingForDepthEstimation(config), processor


def glpn() -> tuple[Any, Any]:
    config = transformers.GLPNConfig(
        hidden_sizes=[8, 16, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=8
    )
    return transformers.GLPNForDepthEstimation(config), transformers.GLPNImageProcessorPil()


def zoedepth() -> tuple[Any, Any]:
    backbone = transformers.BeitConfig(
        **VIT, patch_size=16, out_features=STAGES, reshape_hidden_states=False, use_relative_position_bias=True
    )
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, bottleneck_features=8,
        num_relative_features=8, use_auxiliary_head=False,
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}],
    )  # fmt: skip
    processor = transformers.ZoeDepthImageProcessorPil(size=SQUARE, ensure_multiple_of=32)
    return transformers.ZoeDepthForDepthEstimation(config), processor


def eomt() -> tuple[Any, Any]:
    config = transformers.EomtConfig(**VIT, patch_size=16, num_blocks=1, num_queries=6, num_upscale_blocks=1, id2label=NAMES)
    processor = transformers.EomtImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 64}, do_pad=True)
    return transformers.EomtForUniversalSegmentation(config), processor


SEGMENTERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "segformer": segformer,
    "upernet": upernet,
    "beit": beit,
    "mask2former": mask2former,
    "maskformer": maskformer,
}
ESTIMATORS: dict[str, Callable[[], tuple[Any, Any]]] = {"dpt": dpt, "depth_anything": depth_anything, "glpn": glpn}


class Saved:
    """A checkpoint, and what transformers makes of a picture with it."""

    def __init__(self, folder: Path, model: Any, processor: Any) -> None:
        self.folder, self.processor, self.class_ = folder, processor, type(model).__name__
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                # Small random weights give all classes the same score; these do not.
                if parameter.dim() > 1:
                    parameter.mul_(100 if "queries" in name or "class_predictor" in name else 4)
        self.model = model.eval()
        model.save_pretrained(folder)
        processor.save_pretrained(folder)

    def outputs(self, photo: NDArray[np.uint8]) -> Any:
        inputs = self.processor(Image.fromarray(photo), return_tensors="pt")
        with torch.no_grad():
            return self.model(pixel_values=inputs["pixel_values"])

    def run(self, photo: NDArray[np.uint8], step: str, **options: Any) -> Any:
        backend = {"loader": "transformers", "class": self.class_, "checkpoint": str(self.folder), "device": "cpu"}
        settings = {
            "models": {"model": {"backend": "direct", "backends": {"direct": backend}}},
            "pipelines": {"look": ["load_image", {step: {"model": "model", **options}}]},
        }
        with turnout.open(settings) as app:
            result = app.run("look", image=photo)
            result.raise_for_failures()
            return result


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Saved]:
    made: dict[str, Saved] = {}

    def save(name: str) -> Saved:
        if name not in made:
            torch.manual_seed(5)
            model, processor = {**SEGMENTERS, **ESTIMATORS, "eomt": eomt, "zoedepth": zoedepth}[name]()
            made[name] = Saved(tmp_path_factory.mktemp(name), model, processor)
        return made[name]

    return save


def segment_with_transformers(checkpoint: Saved, photo: NDArray[np.uint8]) -> NDArray[Any]:
    # Mask2Former has a way of its own from queries to classes.
    has_queries = checkpoint.class_ == "Mask2FormerForUniversalSegmentation"
    processor = transformers.Mask2FormerImageProcessorPil() if has_queries else checkpoint.processor
    found = processor.post_process_semantic_segmentation(checkpoint.outputs(photo), [photo.shape[:2]])
    return np.asarray(found[0])


@pytest.mark.parametrize("name", SEGMENTERS)
@pytest.mark.parametrize("size", [(93, 141), (40, 37)])
def test_a_class_map_is_that_of_transformers(saved: Any, photo: NDArray[np.uint8], name: str, size: tuple[int, int]) -> None:
    checkpoint = saved(name)
    picture = np.asarray(Image.fromarray(photo).resize(size[::-1]))

    result = checkpoint.run(picture, "segment")

    expected = segment_with_transformers(checkpoint, picture)
    assert len(np.unique(expected)) > 1
    assert result["class_map"].dtype == np.int32
    assert (result["class_map"] == expected).mean() >= 0.9999
    shares = {each.index: each.share for each in result["classes"]}
    counts = dict(zip(*np.unique(result["class_map"], return_counts=True), strict=True))
    assert shares == {index: count / expected.size for index, count in counts.items()}
    assert [each.label for each in result["classes"]] == [NAMES[each.index] for each in result["classes"]]


def test_a_shift_of_half_a_pixel_is_detected(saved: Any, photo: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(positions: Floats, size: int) -> Axis:
        return linear_axis(positions + np.float32(0.5), size)

    checkpoint = saved("segformer")
    monkeypatch.setattr(class_maps, "linear_axis", shifted)

    wrong = checkpoint.run(photo, "segment")["class_map"]

    assert (wrong == segment_with_transformers(checkpoint, photo)).mean() < 0.999


def test_masks_of_another_size_are_detected(saved: Any, photo: NDArray[np.uint8]) -> None:
    checkpoint = saved("mask2former")

    wrong = checkpoint.run(photo, "segment", mask_size=[16, 24])["class_map"]

    assert (wrong == segment_with_transformers(checkpoint, photo)).mean() < 0.9999


@pytest.mark.parametrize("size", [(93, 141), (40, 37), (64, 64)])
def test_a_class_map_of_a_filled_picture_is_read_where_the_picture_was(
    saved: Any, photo: NDArray[np.uint8], size: tuple[int, int]
) -> None:
    checkpoint = saved("eomt")
    picture = np.asarray(Image.fromarray(photo).resize(size[::-1]))

    class_map = checkpoint.run(picture, "segment")["class_map"]

    # As EomtImageProcessor reads its panoptic maps; for semantic ones it stretches the filled part too.
    outputs, processor = checkpoint.outputs(picture), checkpoint.processor
    masks = torch.nn.functional.interpolate(outputs.masks_queries_logits, size=(64, 64), mode="bilinear").sigmoid()
    classes = outputs.class_queries_logits.softmax(dim=-1)[..., :-1]
    scores = torch.einsum("bqc, bqhw -> bchw", classes, masks)
    (expected,) = processor.unpad_image(scores, [size], {"shortest_edge": 64, "longest_edge": 64})
    assert len(np.unique(expected.argmax(dim=0))) > 1
    # It cuts the filled part off before it resizes, which the last row and column notice.
    assert (class_map == np.asarray(expected.argmax(dim=0))).mean() >= 0.999


@pytest.mark.parametrize("pads", [True, False])
@pytest.mark.parametrize("size", [(93, 141), (40, 37)])
def test_a_depth_map_of_mirrored_edges_is_read_where_the_picture_was(
    saved: Any, photo: NDArray[np.uint8], size: tuple[int, int], pads: bool
) -> None:
    checkpoint = saved("zoedepth")
    checkpoint.processor.do_pad = pads
    checkpoint.processor.save_pretrained(checkpoint.folder)
    picture = np.asarray(Image.fromarray(photo).resize(size[::-1]))

    depth = checkpoint.run(picture, "estimate_depth")["depth"]

    # ZoeDepthImageProcessor's own code for this needs torchvision.
    top, left = (int(np.sqrt(side / 2) * 3) if pads else 0 for side in size)
    whole = torch.nn.functional.interpolate(
        checkpoint.outputs(picture).predicted_depth[:, None], size=(size[0] + 2 * top, size[1] + 2 * left), mode="bicubic"
    )
    expected = np.asarray(whole[0, 0, top : top + size[0], left : left + size[1]])
    assert np.ptp(expected) > 0
    assert np.abs(depth - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("size", [(93, 141), (40, 37)])
def test_a_depth_map_is_that_of_transformers(saved: Any, photo: NDArray[np.uint8], name: str, size: tuple[int, int]) -> None:
    checkpoint = saved(name)
    picture = np.asarray(Image.fromarray(photo).resize(size[::-1]))

    depth = checkpoint.run(picture, "estimate_depth")["depth"]

    expected = checkpoint.processor.post_process_depth_estimation(checkpoint.outputs(picture), [picture.shape[:2]])
    (expected,) = (np.asarray(each["predicted_depth"]) for each in expected)
    assert np.ptp(expected) > 0
    assert depth.shape == picture.shape[:2]
    assert np.abs(depth - expected).max() <= 1e-5 * np.abs(expected).max()


def test_another_filter_is_detected(saved: Any, photo: NDArray[np.uint8]) -> None:
    checkpoint = saved("dpt")

    cubic, linear = (
        checkpoint.run(photo, "estimate_depth", **options)["depth"] for options in ({}, {"resampling": "bilinear"})
    )

    assert np.abs(cubic - linear).max() > 1e-3 * np.abs(cubic).max()
