"""Pixel values against the real image processors of transformers: equal in every bit, or refused."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from turnout.errors import TurnoutError
from turnout_vision.preprocess import preprocessor_of
from turnout_vision.preprocess.kinds import KINDS

transformers = pytest.importorskip("transformers")

# Wide, high, square, odd, smaller and larger than a crop, one pixel.
SHAPES = [(91, 135), (301, 77), (64, 64), (1, 1)]
# The defaults of these are large.
SMALLER: dict[str, dict[str, Any]] = {
    "DonutImageProcessor": {"size": {"height": 120, "width": 90}},
    "OwlViTImageProcessor": {"size": {"height": 120, "width": 90}},
    "PPChart2TableImageProcessor": {"size": {"height": 120, "width": 90}},
    "RTDetrImageProcessor": {"size": {"height": 120, "width": 90}},
    "TextNetImageProcessor": {"size": {"shortest_edge": 90}},
    **{
        f"{name}ImageProcessor": {"size": {"shortest_edge": 80, "longest_edge": 133}}
        for name in ("Detr", "ConditionalDetr", "DeformableDetr", "GroundingDino")
    },
}
# Each is tried with every image processor that is supported.
VARIANTS: list[dict[str, Any]] = [
    {"do_resize": False},
    {"do_rescale": False},
    {"do_normalize": False},
    {"do_rescale": False, "do_normalize": False},
    {"do_center_crop": True, "crop_size": {"height": 101, "width": 60}},
    {"do_center_crop": True, "crop_size": 90},
    {"do_center_crop": False},
    {"size": 48},
    {"size": {"height": 40, "width": 57}},
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
    {"do_pad": False},
    {"size_divisor": 24},
    {"crop_pct": 0.5, "size": {"shortest_edge": 100}},
    {"crop_pct": 0.5, "size": {"shortest_edge": 400}},
    {"keep_aspect_ratio": True, "ensure_multiple_of": 14, "size": {"height": 56, "width": 56}},
    {"ensure_multiple_of": 32},
    {"rescale_offset": True},
    {"include_top": False},
    {"do_flip_channel_order": False},
    {"do_flip_channel_order": True},
    {"do_thumbnail": False, "size": {"height": 600, "width": 300}},
    {"do_align_long_axis": True, "size": {"height": 300, "width": 200}},
    {"do_reduce_labels": True},
    {"do_convert_rgb": False},
    {"data_format": "channels_last"},
    {"patch_size": 3, "max_pixels": 100},
]


def all_processors() -> Iterator[type[Any]]:
    """Yield every image processor that can be imported here; those of torchvision cannot."""
    models = Path(transformers.__file__).parent / "models"
    for file in sorted(models.glob("*/image_processing*.py")):
        name = f"transformers.models.{file.parent.name}.{file.stem}"
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for each in list(vars(module).values()):
            if inspect.isclass(each) and issubclass(each, transformers.BaseImageProcessor) and each.__module__ == name:
                yield each


def picture(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(shape[0] * shape[1]).integers(0, 256, (*shape, 3), dtype=np.uint8)


def difference(processor: Any, config: Mapping[str, Any], shape: tuple[int, int]) -> str | None:
    """Return how our pixel values differ from those of ``processor``; None if they are equal or one side refuses."""
    pixels = picture(shape)
    try:
        ours = preprocessor_of(config, "here").pixel_values(pixels)
        theirs = np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"])
    except (TurnoutError, ValueError, TypeError, KeyError, ImportError):
        return None
    if ours.shape != theirs.shape:
        return f"{shape}: {ours.shape}, theirs are {theirs.shape}"
    return None if np.array_equal(ours, theirs.astype(np.float32)) else f"{shape}: {np.abs(ours - theirs).max()}"


def construct(kind: type[Any], **settings: Any) -> Any:
    try:
        return kind(**settings)
    except Exception as error:  # noqa: BLE001  # each validates in its own way
        pytest.skip(f"{kind.__name__} cannot be constructed: {error}")


@pytest.mark.filterwarnings("ignore")
def test_every_image_processor_of_transformers_is_done_or_refused() -> None:
    wrong, done, refused = [], set(), set()
    for kind in all_processors():
        try:
            processor = kind()
            config = json.loads(processor.to_json_string())
        except Exception:  # noqa: BLE001  # some need arguments
            continue
        try:
            preprocessor_of(config, "here")
        except TurnoutError:
            refused.add(kind.__name__)
            continue
        done.add(config["image_processor_type"])
        wrong += [f"{kind.__name__} {found}" for shape in SHAPES if (found := difference(processor, config, shape))]

    assert wrong == []
    assert done == set(KINDS)
    assert len(refused) > 50


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_setting_of_a_supported_image_processor_is_passed_over(name: str) -> None:
    kind = getattr(transformers, f"{name}Pil")
    wrong, compared = [], 0
    for changes in VARIANTS:
        try:
            processor = kind(**{**SMALLER.get(name, {}), **changes})
        except Exception:  # noqa: BLE001  # their own refusal of the variant
            continue
        config = {**json.loads(kind().to_json_string()), **SMALLER.get(name, {}), **changes}
        for shape in SHAPES[:3]:
            found = difference(processor, config, shape)
            compared += 1
            if found:
                wrong.append(f"{changes} {found}")

    assert wrong == []
    assert compared > 50


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_file_that_names_only_its_image_processor_has_the_defaults_of_transformers(name: str) -> None:
    processor = construct(getattr(transformers, f"{name}Pil"))

    ours = preprocessor_of({"image_processor_type": name}, "here").pixel_values(picture((180, 270)))
    theirs = np.asarray(processor(Image.fromarray(picture((180, 270))), return_tensors="np")["pixel_values"])

    np.testing.assert_array_equal(ours, theirs.astype(np.float32))


def test_the_comparison_detects_another_filter_and_another_mean() -> None:
    processor = transformers.CLIPImageProcessorPil()
    config = json.loads(processor.to_json_string())

    assert difference(processor, config, (90, 120)) is None
    assert difference(processor, {**config, "resample": 2}, (90, 120))
    assert difference(processor, {**config, "image_mean": [0.48, 0.45, 0.4]}, (90, 120))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("DPT", {"size": {"height": 56, "width": 56}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}),
        ("EfficientNet", {"rescale_offset": True}),
        ("GLPN", {"size_divisor": 16}),
        ("ConvNext", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}),
        ("PoolFormer", {"crop_pct": 0.95}),
        ("MobileViT", {"do_flip_channel_order": True}),
        ("Donut", {"do_thumbnail": True, "do_align_long_axis": True, "size": {"height": 240, "width": 160}}),
        ("Swin2SR", {"do_pad": True, "size_divisor": 8}),
    ],
)
def test_settings_that_only_one_image_processor_has_are_done(name: str, changes: dict[str, Any]) -> None:
    processor = getattr(transformers, f"{name}ImageProcessorPil")(**changes)
    pixels = picture((180, 270))

    ours = preprocessor_of(json.loads(processor.to_json_string()), "preprocessor_config.json").pixel_values(pixels)
    theirs = np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"])

    np.testing.assert_array_equal(ours, theirs.astype(np.float32))
