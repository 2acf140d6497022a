from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnout.errors import ConfigurationError, InvalidInputError
from turnout_vision.preprocess import BIREFNET, preprocessor_of
from turnout_vision.preprocess.kinds import KINDS
from turnout_vision.preprocess.refusals import REFUSALS

Config = Callable[..., dict[str, Any]]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(384, 384), (100, 300), (301, 77), (1, 1), (700, 900)])
@pytest.mark.parametrize("resample", [2, 3])
def test_agrees_with_transformers_blip_processor(preprocessor_config: Config, shape: tuple[int, int], resample: int) -> None:
    module = pytest.importorskip("transformers.models.blip.image_processing_pil_blip")
    config = preprocessor_config(size={"height": 384, "width": 384}, resample=resample)
    processor = module.BlipImageProcessorPil(**{key: value for key, value in config.items() if key != "image_processor_type"})
    pixels = noise(*shape)

    theirs = processor(pixels, input_data_format="channels_last", return_tensors="np")["pixel_values"]
    ours = preprocessor_of(config, "here").pixel_values(pixels)

    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape == (1, 3, 384, 384)
    assert np.abs(ours - theirs).max() <= 1e-6


def test_the_comparison_with_transformers_detects_another_filter(preprocessor_config: Config) -> None:
    pixels = noise(100, 90)
    bicubic = preprocessor_of(preprocessor_config(resample=3), "here").pixel_values(pixels)

    bilinear = preprocessor_of(preprocessor_config(resample=2), "here").pixel_values(pixels)

    assert np.abs(bicubic - bilinear).max() > 1e-2


def test_a_part_of_a_picture_is_preprocessed_as_its_copy_is(preprocessor_config: Config) -> None:
    preprocessor, picture = preprocessor_of(preprocessor_config(), "here"), noise(90, 80)

    part = preprocessor.pixel_values(picture[10:50, 20:70])

    np.testing.assert_array_equal(part, preprocessor.pixel_values(picture[10:50, 20:70].copy()))


def test_a_switch_that_is_off_is_respected(preprocessor_config: Config) -> None:
    config = preprocessor_config(do_resize=False, do_rescale=False, do_normalize=False)
    pixels = noise(7, 9)

    values = preprocessor_of(config, "here").pixel_values(pixels)

    np.testing.assert_array_equal(values[0], pixels.transpose(2, 0, 1).astype(np.float32))


def test_the_input_is_not_written_to(preprocessor_config: Config) -> None:
    pixels = noise(24, 24)
    pixels.flags.writeable = False

    preprocessor_of(preprocessor_config(), "here").pixel_values(pixels)


def test_birefnet_uses_imagenets_normalization() -> None:
    values = BIREFNET.with_size((4, 6)).pixel_values(np.full((4, 6, 3), 255, np.uint8))

    assert values.shape == (1, 3, 4, 6)
    np.testing.assert_allclose(values[0, :, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], rtol=1e-6)
    assert BIREFNET.size == (1024, 1024)


def test_a_size_may_be_one_number(preprocessor_config: Config) -> None:
    assert preprocessor_of(preprocessor_config(size=384), "here").size == (384, 384)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"size": {"shortest_edge": 224, "height": 1}},
            r"size is .*; this is not supported; write \{'height': H, 'width': W\}",
        ),
        ({"size": {"height": 0, "width": 5}}, "sides must be from 1 to 16384"),
        ({"size": {"min_pixels": 10, "max_pixels": 100}}, "; this is not supported"),
        ({"do_center_crop": True}, "crop_size is None; this is not supported"),
        ({"do_center_crop": True, "crop_size": {"shortest_edge": 9}}, "crop_size is .*; this is not supported"),
        ({"do_pad": True, "pad_size": {"shortest_edge": 9}}, "pad_size is .*; this is not supported"),
        ({"do_resize": "yes"}, "do_resize is 'yes'; write true or false"),
        ({"rescale_factor": 0}, "rescale_factor is 0; write a number above 0"),
        ({"resample": 9}, r"resample is 9; supported: 0 \(nearest\)"),
        ({"image_mean": [0.5]}, r"image_mean is \[0.5\]; three numbers are required"),
        ({"image_mean": [0.5, 0.5, 0.5, 0.5]}, "three numbers are required"),
        ({"image_std": [1, 0, 1]}, r"image_std is \[1, 0, 1\]"),
    ],
)
def test_values_that_are_not_supported_are_refused(preprocessor_config: Config, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        preprocessor_of(preprocessor_config(**change), "here")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("keep_aspect_ratio", True),
        ("ensure_multiple_of", 14),
        ("rescale_offset", True),
        ("size_divisor", 32),
        ("crop_pct", 0.9),
        ("do_flip_channel_order", True),
        ("do_thumbnail", True),
        ("do_align_long_axis", True),
        ("do_affine_transform", True),
        ("max_pixels", 1000),
        ("patch_size", 14),
        ("apply_ocr", True),
        ("auto_map", {"AutoImageProcessor": "code.Mine"}),
        ("data_format", "channels_last"),
        ("max_size", 1333),
        ("a_setting_of_next_year", 1),
    ],
)
def test_a_setting_that_the_image_processor_does_not_read_is_refused_by_name(
    preprocessor_config: Config, key: str, value: object
) -> None:
    with pytest.raises(ConfigurationError, match=f"here: {key} is .* this setting of BlipImageProcessor is not supported"):
        preprocessor_of(preprocessor_config(**{key: value}), "here")


def test_what_changes_no_pixels_is_accepted(preprocessor_config: Config) -> None:
    harmless = {
        "do_center_crop": False,
        "do_affine_transform": False,
        "crop_pct": None,
        "processor_class": "BlipProcessor",
        "_valid_processor_keys": ["images"],
        "do_reduce_labels": True,
        "do_convert_rgb": True,
        "data_format": "channels_first",
        "default_to_square": True,
    }

    assert preprocessor_of(preprocessor_config(**harmless), "here") == preprocessor_of(preprocessor_config(), "here")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("Qwen2VLImageProcessor", "a number of patches that depends on its size.* write it in the step, such as `prepare: "),
        ("LlavaNextImageProcessorFast", "a number of tiles that depends on its shape"),
        ("ViTImageProcesor", r"Did you mean 'ViTImageProcessor'\? docs/reference/image-processors.md lists"),
        ("ViT", "copy the file into a folder, change image_processor_type there"),
    ],
)
def test_an_image_processor_that_is_not_supported_is_refused_with_a_reason(
    preprocessor_config: Config, given: str, reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"the image processor is '{given}', which is not supported.*{reason}"):
        preprocessor_of(preprocessor_config(image_processor_type=given), "here")


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_a_refusal_fits_on_a_line(preprocessor_config: Config, name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        preprocessor_of(preprocessor_config(image_processor_type=name), "preprocessor_config.json of 'my/checkpoint'")

    assert len(str(caught.value)) <= 500


@pytest.mark.parametrize(
    "names",
    [
        {"image_processor_type": "CLIPImageProcessorFast"},
        {"image_processor_type": "CLIPImageProcessorPil"},
        {"feature_extractor_type": "CLIPFeatureExtractor"},
    ],
)
def test_the_names_of_other_versions_of_transformers_mean_the_same(names: dict[str, str]) -> None:
    assert preprocessor_of({**names, "size": 224}, "here") == preprocessor_of(
        {"image_processor_type": "CLIPImageProcessor"}, ""
    )


def test_a_file_that_names_no_image_processor_must_say_what_others_have_defaults_for(preprocessor_config: Config) -> None:
    config = preprocessor_config()
    del config["image_processor_type"]

    assert preprocessor_of(config, "here").size == (24, 24)
    for key, message in (("size", "size is None"), ("resample", "resample is None"), ("image_mean", "image_mean is None")):
        with pytest.raises(ConfigurationError, match=message):
            preprocessor_of({**config, key: None}, "here")
    with pytest.raises(ConfigurationError, match="size is 24; this is not supported"):
        preprocessor_of({**config, "size": 24}, "here")


@pytest.mark.parametrize("shape", [(1, 2_000_000), (2_000_000, 1)])
def test_a_strip_whose_resized_sides_would_fill_the_memory_is_refused(shape: tuple[int, int]) -> None:
    preprocessor = preprocessor_of({"image_processor_type": "CLIPImageProcessor"}, "here")

    with pytest.raises(InvalidInputError, match=r"would be resized to \d+ x \d+; crop it"):
        preprocessor.pixel_values(np.zeros((*shape, 3), np.uint8))


def test_a_picture_that_would_have_no_pixels_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="would be resized to 32 x 0"):
        preprocessor_of({"image_processor_type": "GLPNImageProcessor"}, "here").pixel_values(np.zeros((9, 40, 3), np.uint8))


def test_a_picture_that_is_larger_than_its_padding_is_refused(preprocessor_config: Config) -> None:
    config = preprocessor_config(do_resize=False, do_pad=True, pad_size={"height": 8, "width": 8})

    with pytest.raises(InvalidInputError, match="a picture of 9 x 4 does not fit on the 8 x 8"):
        preprocessor_of(config, "here").pixel_values(np.zeros((4, 9, 3), np.uint8))


@pytest.mark.parametrize(
    ("changes", "size", "keeps"),
    [
        ({}, (24, 24), True),
        ({"do_center_crop": True, "crop_size": 9}, (9, 9), False),
        ({"do_pad": True, "pad_size": {"height": 30, "width": 40}}, (30, 40), False),
        ({"size": {"shortest_edge": 7}}, None, True),
        ({"do_resize": False}, None, True),
    ],
)
def test_knows_its_size_and_whether_the_frame_is_kept(
    preprocessor_config: Config, changes: dict[str, Any], size: tuple[int, int] | None, keeps: bool
) -> None:
    preprocessor = preprocessor_of(preprocessor_config(**changes), "here")

    assert (preprocessor.size, preprocessor.keeps_the_frame) == (size, keeps)
    assert preprocessor.with_size((5, 6)).size == (5, 6)
    assert preprocessor.with_size((5, 6)).keeps_the_frame


def test_the_readme_has_the_number_of_image_processors() -> None:
    readme = Path(__file__).parents[4] / "plugins/vision/README.md"

    assert f"for the {len(KINDS)} kinds that are supported" in readme.read_text("utf-8")
