from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from turnout.errors import ConfigurationError
from turnout_vision.preprocess import BIREFNET, parse_preprocessor

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
    ours = parse_preprocessor(config, "here").pixel_values(pixels)

    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape == (1, 3, 384, 384)
    assert np.abs(ours - theirs).max() <= 1e-6


def test_the_comparison_with_transformers_detects_another_filter(preprocessor_config: Config) -> None:
    pixels = noise(100, 90)
    bicubic = parse_preprocessor(preprocessor_config(resample=3), "here").pixel_values(pixels)

    bilinear = parse_preprocessor(preprocessor_config(resample=2), "here").pixel_values(pixels)

    assert np.abs(bicubic - bilinear).max() > 1e-2


def test_a_part_of_a_picture_is_preprocessed_as_its_copy_is(preprocessor_config: Config) -> None:
    preprocessor, picture = parse_preprocessor(preprocessor_config(), "here"), noise(90, 80)

    part = preprocessor.pixel_values(picture[10:50, 20:70])

    np.testing.assert_array_equal(part, preprocessor.pixel_values(picture[10:50, 20:70].copy()))


def test_a_switch_that_is_off_is_respected(preprocessor_config: Config) -> None:
    config = preprocessor_config(do_resize=False, do_rescale=False, do_normalize=False)
    pixels = noise(7, 9)

    values = parse_preprocessor(config, "here").pixel_values(pixels)

    np.testing.assert_array_equal(values[0], pixels.transpose(2, 0, 1).astype(np.float32))


def test_the_input_is_not_written_to(preprocessor_config: Config) -> None:
    pixels = noise(24, 24)
    pixels.flags.writeable = False

    parse_preprocessor(preprocessor_config(), "here").pixel_values(pixels)


def test_birefnet_uses_imagenets_normalization() -> None:
    values = BIREFNET.with_size((4, 6)).pixel_values(np.full((4, 6, 3), 255, np.uint8))

    assert values.shape == (1, 3, 4, 6)
    np.testing.assert_allclose(values[0, :, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], rtol=1e-6)
    assert BIREFNET.size == (1024, 1024)


def test_a_size_may_be_one_number(preprocessor_config: Config) -> None:
    assert parse_preprocessor(preprocessor_config(size=384), "here").size == (384, 384)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"do_center_crop": True}, "here: do_center_crop is True, which is not supported; only do_resize"),
        ({"do_pad": True}, "do_pad is True"),
        ({"size": {"shortest_edge": 224}}, r"size is \{'shortest_edge': 224\}, which is not supported"),
        ({"size": None}, "size is None"),
        ({"size": {"height": 0, "width": 5}}, "which is not supported"),
        ({"resample": 9}, r"resample is 9; supported: 0 \(nearest\)"),
        ({"resample": None}, "resample is None"),
        ({"image_mean": None}, "image_mean is None; three numbers are required"),
        ({"image_mean": [0.5]}, r"image_mean is \[0.5\]"),
        ({"image_std": [1, 0, 1]}, r"image_std is \[1, 0, 1\]"),
    ],
)
def test_settings_that_are_not_supported_are_refused(preprocessor_config: Config, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_preprocessor(preprocessor_config(**change), "here")


def test_an_unsupported_switch_that_is_off_is_accepted(preprocessor_config: Config) -> None:
    assert parse_preprocessor(preprocessor_config(do_center_crop=False), "here").size == (24, 24)
