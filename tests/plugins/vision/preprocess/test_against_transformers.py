"""Pixel values against the real image processors of transformers: equal to 1e-6, in most kinds in every bit, or refused."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from turnout.errors import ConfigurationError, TurnoutError
from turnout_vision.preprocess import preprocessor_of
from turnout_vision.preprocess.config import any_preprocessor_of
from turnout_vision.preprocess.kinds import KINDS
from turnout_vision.preprocess.patches import PatchPreprocessor
from turnout_vision.preprocess.refusals import REFUSALS

transformers = pytest.importorskip("transformers")

# Wide, high, square, odd, smaller and larger than a crop, lines, one pixel.
SHAPES = [(91, 135), (301, 77), (64, 64), (1, 37), (210, 3), (1, 1), (40, 500)]
# Without a variant for Pillow: they take a side of 1 or 3 pixels for the channels.
GUESSES_CHANNELS = {"Emu3ImageProcessor", "VideoLlavaImageProcessor"}
_BOX: dict[str, Any] = {"size": {"height": 120, "width": 90}}
_DETR: dict[str, Any] = {"size": {"shortest_edge": 80, "longest_edge": 133}}
_CROPPED: dict[str, Any] = {"size": {"shortest_edge": 61}, "crop_size": {"height": 56, "width": 56}}
# The defaults of these are large.
SMALLER: dict[str, dict[str, Any]] = {
    **{
        f"{name}ImageProcessor": _CROPPED
        for name in (
            *("Bit", "Chameleon", "ChineseCLIP", "CLIP", "Levit", "Llava", "MobileNetV1", "MobileNetV2", "MobileViT"),
            *("PoolFormer", "VideoLlava"),
        )
    },
    **dict.fromkeys(("DonutImageProcessor", "NougatImageProcessor", "OwlViTImageProcessor"), _BOX),
    **dict.fromkeys(("PPChart2TableImageProcessor", "RTDetrImageProcessor", "UVDocImageProcessor"), _BOX),
    **dict.fromkeys(("Owlv2ImageProcessor", "SuperPointImageProcessor", "ZoeDepthImageProcessor"), _BOX),
    **{
        f"{name}ImageProcessor": _DETR
        for name in (
            *("Detr", "ConditionalDetr", "DeformableDetr", "GroundingDino", "Yolos"),
            *("Mask2Former", "MaskFormer", "OneFormer", "Eomt"),
        )
    },
    "AriaImageProcessor": {"max_image_size": 490, "min_image_size": 100},
    "Emu3ImageProcessor": {"min_pixels": 4000, "max_pixels": 9000},
    "Pix2StructImageProcessor": {"max_patches": 70, "patch_size": {"height": 8, "width": 6}},
    "SamImageProcessor": {"size": {"longest_edge": 120}, "pad_size": {"height": 130, "width": 140}},
    "TextNetImageProcessor": {"size": {"shortest_edge": 90}},
}
# What these need beside pictures is not compared: words that a program reads, colors as tokens.
NEEDED: dict[str, dict[str, Any]] = {
    "ImageGPTImageProcessor": {"do_color_quantize": False},
    "LayoutLMv2ImageProcessor": {"apply_ocr": False},
    "LayoutLMv3ImageProcessor": {"apply_ocr": False},
}
# Each is tried with every image processor that is supported.
VARIANTS: list[dict[str, Any]] = [
    {"do_resize": False},
    {"do_rescale": False},
    {"do_normalize": False},
    {"do_rescale": False, "do_normalize": False},
    {"do_center_crop": True, "crop_size": {"height": 101, "width": 60}},
    {"do_center_crop": True, "crop_size": 90},
    {"do_center_crop": True, "crop_size": {"shortest_edge": 55}},
    {"do_center_crop": False},
    {"size": 48},
    {"size": 48, "max_size": 77},
    {"size": {"height": 40, "width": 57}},
    {"size": {"height": 50, "width": 50}},
    {"size": {"shortest_edge": 61}},
    {"size": {"shortest_edge": 60, "longest_edge": 77}},
    {"size": {"max_height": 50, "max_width": 90}},
    {"size": {"longest_edge": 50}},
    {"size": [33, 44]},
    {"size": 48, "default_to_square": False},
    {"resample": 0},
    {"resample": 1},
    {"image_mean": 0.25},
    {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.7, 0.8, 0.9]},
    {"rescale_factor": 1 / 127.5},
    {"do_pad": True, "pad_size": {"height": 400, "width": 420}},
    {"do_pad": True, "size_divisor": 14},
    {"do_pad": True, "size": {"shortest_edge": 60, "longest_edge": 77}},
    {"do_pad": False},
    {"size_divisor": 24},
    {"size_divisor": 0},
    {"crop_pct": 0.5, "size": {"shortest_edge": 100}},
    {"crop_pct": 0.5, "size": {"shortest_edge": 400}},
    {"keep_aspect_ratio": True, "ensure_multiple_of": 14, "size": {"height": 56, "width": 56}},
    {"keep_aspect_ratio": False},
    {"ensure_multiple_of": 32},
    {"rescale_offset": True},
    {"include_top": False},
    {"do_flip_channel_order": False},
    {"do_flip_channel_order": True},
    {"do_thumbnail": False, "size": {"height": 600, "width": 300}},
    {"do_align_long_axis": True, "size": {"height": 300, "width": 200}},
    {"do_crop_margin": False},
    {"do_grayscale": True},
    {"min_size": 40},
    {"image_size": 40},
    {"spatial_factor": 16, "min_pixels": 900, "max_pixels": 2000},
    {"patch_size": {"height": 5, "width": 7}},
    {"max_image_size": 490, "min_image_size": 336},
    {"do_reduce_labels": True},
    {"do_convert_rgb": False},
    {"data_format": "channels_last"},
    {"patch_size": 3, "max_pixels": 100},
    {"crop_to_patches": True, "do_image_splitting": True, "do_split_image": True, "split_image": True},
    {"max_patches": 1},
    {"max_patches": 333},
    {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 20, "pan_and_scan_max_num_crops": 3},
]


@cache
def classes() -> dict[str, tuple[Path, ...]]:
    """Return the files of every image processor of transformers by its name; their code is not run."""
    found: dict[str, tuple[Path, ...]] = {}
    for file in sorted((Path(transformers.__file__).parent / "models").glob("*/image_processing*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith(("ImageProcessor", "ImageProcessorPil")):
                name = node.name.removesuffix("Pil")
                found[name] = (*found.get(name, ()), file)
    return found


def processor_class(name: str) -> type[Any]:
    """Return the class of ``name`` that needs no torchvision."""
    for file in sorted(classes()[name], key=lambda file: "_pil_" not in file.name):
        module = importlib.import_module(f"transformers.models.{file.parent.name}.{file.stem}")
        found = getattr(module, f"{name}Pil", None) or getattr(module, name)
        if isinstance(found, type):
            return found
    raise AssertionError(name)


def tolerance(name: str) -> float:
    return 0 if KINDS[name].exact else 1e-6


def picture(shape: tuple[int, int], *, gray: bool = False) -> np.ndarray:
    pixels = np.random.default_rng(shape[0] * shape[1]).integers(0, 256, (*shape, 3), dtype=np.uint8)
    return np.repeat(pixels[:, :, :1], 3, axis=2) if gray else pixels


def our_values(config: Mapping[str, Any], pixels: np.ndarray) -> np.ndarray:
    """Return our pixel values; for an image processor of patches, these with their mask as the last number."""
    preprocessor = any_preprocessor_of(config, "here")
    if isinstance(preprocessor, PatchPreprocessor):
        return join_patches(preprocessor.inputs(pixels))
    return preprocessor.pixel_values(pixels)


def join_patches(tensors: Mapping[str, Any]) -> np.ndarray:
    return np.concatenate([tensors["flattened_patches"], tensors["attention_mask"][..., np.newaxis]], axis=-1)


def their_values(processor: Any, pixels: np.ndarray) -> np.ndarray:
    tensors = processor(Image.fromarray(pixels), return_tensors="np")
    if "flattened_patches" in tensors:
        return join_patches(tensors)
    if not isinstance(tensors, np.ndarray):
        tensors = tensors["pixel_values" if "pixel_values" in tensors else "pixel_values_images"]
    return np.asarray(tensors)


def difference(processor: Any, config: Mapping[str, Any], pixels: np.ndarray) -> str | None:
    """Return how our pixel values differ from those of ``processor``; None if they are equal or one side refuses."""
    if type(processor).__name__ in GUESSES_CHANNELS and pixels.shape[0] in (1, 3):
        return None
    try:
        ours = our_values(config, pixels)
        theirs = their_values(processor, pixels)
    except (TurnoutError, ValueError, TypeError, KeyError, ImportError, AttributeError):
        return None
    if ours.shape != theirs.shape:
        return f"{pixels.shape}: {ours.shape}, theirs are {theirs.shape}"
    name = type(processor).__name__.removesuffix("Pil")
    # Numbers from 0 to 255 instead of about one: FP32 has fewer places behind the point.
    limit = tolerance(name) * (255 if name == "Pix2StructImageProcessor" and not config["do_normalize"] else 1)
    worst = np.abs(ours - theirs.astype(np.float32)).max()
    return None if worst <= limit else f"{pixels.shape}: {worst}"


def test_every_image_processor_of_transformers_is_supported_or_refused_by_name_with_a_reason() -> None:
    known = set(KINDS) | set(REFUSALS)

    assert set(classes()) - known == set()
    assert known - set(classes()) == set()
    assert set(KINDS) & set(REFUSALS) == set()
    assert len(KINDS) >= 60
    for name in REFUSALS:
        with pytest.raises(ConfigurationError, match=name):
            preprocessor_of({"image_processor_type": name}, "here")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_defaults_are_those_of_transformers(name: str) -> None:
    processor = processor_class(name)(**NEEDED.get(name, {}))
    pixels = picture((180, 270))

    # A file that names only its image processor.
    ours = our_values({"image_processor_type": name, **NEEDED.get(name, {})}, pixels)

    np.testing.assert_allclose(ours, their_values(processor, pixels), rtol=0, atol=tolerance(name))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KINDS))
def test_pictures_of_every_shape_are_equal(name: str) -> None:
    settings = {**SMALLER.get(name, {}), **NEEDED.get(name, {})}
    processor = processor_class(name)(**settings)
    config = json.loads(processor.to_json_string())

    pictures = [*(picture(shape) for shape in SHAPES), picture((64, 64), gray=True)]
    assert [found for pixels in pictures if (found := difference(processor, config, pixels))] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_setting_of_a_supported_image_processor_is_passed_over(name: str) -> None:
    kind = processor_class(name)
    defaults = json.loads(kind().to_json_string())
    wrong, compared = [], 0
    for number, changes in enumerate(VARIANTS):
        config = {**defaults, **SMALLER.get(name, {}), **NEEDED.get(name, {}), **changes}
        try:
            processor = kind.from_dict(dict(config))
        except Exception:  # noqa: BLE001  # their own refusal of the variant
            continue
        for shape in (SHAPES[0], SHAPES[1], SHAPES[2 + number % 5]):
            found = difference(processor, config, picture(shape))
            compared += 1
            if found:
                wrong.append(f"{changes} {found}")

    assert wrong == []
    assert compared > 50


def test_the_comparison_detects_another_filter_and_another_mean() -> None:
    processor = transformers.CLIPImageProcessorPil()
    config = json.loads(processor.to_json_string())

    assert difference(processor, config, picture((90, 120))) is None
    assert difference(processor, {**config, "resample": 2}, picture((90, 120)))
    assert difference(processor, {**config, "image_mean": [0.48, 0.45, 0.4]}, picture((90, 120)))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("DPT", {"size": {"height": 56, "width": 56}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}),
        ("Detr", {"size": 100, "max_size": 120}),
        ("EfficientNet", {"rescale_offset": True}),
        ("Emu3", {"spatial_factor": 16, "min_pixels": 900, "max_pixels": 2000}),
        ("Eomt", {"do_pad": True, "size": {"shortest_edge": 60, "longest_edge": 100}}),
        ("GLPN", {"size_divisor": 16}),
        ("ConvNext", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}),
        ("Mask2Former", {"size": {"shortest_edge": 61, "longest_edge": 99}, "size_divisor": 0}),
        ("PoolFormer", {"crop_pct": 0.95}),
        ("MobileViT", {"do_flip_channel_order": True}),
        ("Donut", {"do_thumbnail": True, "do_align_long_axis": True, "size": {"height": 240, "width": 160}}),
        ("Nougat", {"do_align_long_axis": True, "size": {"height": 100, "width": 60}}),
        ("SuperPoint", {"do_grayscale": True, "size": {"height": 48, "width": 64}}),
        ("Swin2SR", {"do_pad": True, "size_divisor": 8}),
        ("ZoeDepth", {"keep_aspect_ratio": False, "ensure_multiple_of": 32, "size": {"height": 64, "width": 96}}),
    ],
)
def test_settings_that_only_one_image_processor_has_are_done(name: str, changes: dict[str, Any]) -> None:
    processor = processor_class(f"{name}ImageProcessor")(**changes)
    config = {**json.loads(processor.to_json_string()), **changes}
    pixels = picture((180, 270))

    ours = our_values(config, pixels)

    np.testing.assert_allclose(ours, their_values(processor, pixels), rtol=0, atol=1e-6)


def test_the_margin_of_a_page_is_cut_off_as_transformers_does() -> None:
    pixels = np.full((200, 150, 3), 250, np.uint8)
    pixels[37:81, 22:130] = picture((44, 108))
    processor = processor_class("NougatImageProcessor")(size={"height": 90, "width": 60})
    config = json.loads(processor.to_json_string())

    ours = preprocessor_of(config, "here").pixel_values(pixels)

    np.testing.assert_array_equal(ours, their_values(processor, pixels))
    assert np.abs(ours - preprocessor_of({**config, "do_crop_margin": False}, "here").pixel_values(pixels)).max() > 0.1
