from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from turnout.errors import InvalidInputError
from turnout_vision.options.prepare import PrepareOptions
from turnout_vision.preprocess import preprocessor_from, preprocessor_of


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def prepare(pixels: np.ndarray, **options: Any) -> np.ndarray:
    return preprocessor_from(PrepareOptions(**options)).pixel_values(pixels)


def test_without_options_a_picture_is_scaled_only() -> None:
    pixels = noise(5, 7)

    np.testing.assert_allclose(prepare(pixels)[0], pixels.transpose(2, 0, 1) / 255, atol=1e-7)


def test_equals_the_checkpoint_that_says_the_same() -> None:
    config = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 50},
        "crop_size": {"height": 40, "width": 44},
        "resample": 3,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.3, 0.4],
    }
    pixels = noise(91, 67)

    ours = prepare(pixels, shortest_edge=50, crop=[40, 44], resample="bicubic", mean=[0.5, 0.4, 0.3], std=[0.2, 0.3, 0.4])

    np.testing.assert_array_equal(ours, preprocessor_of(config, "here").pixel_values(pixels))


def test_the_means_of_a_model_that_reads_bgr_are_in_its_own_order() -> None:
    pixels = noise(4, 6)

    values = prepare(pixels, order="BGR", scale=1, mean=[103.939, 116.779, 123.68])

    expected = pixels[:, :, ::-1].astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32)
    np.testing.assert_allclose(values[0].transpose(1, 2, 0), expected, atol=1e-5)


def test_the_channels_can_be_the_last_axis() -> None:
    pixels = noise(9, 6)

    last, first = prepare(pixels, layout="NHWC", size=[8, 5]), prepare(pixels, size=[8, 5])

    assert last.shape == (1, 8, 5, 3)
    assert last.flags.c_contiguous
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), first)


@pytest.mark.parametrize(
    ("shape", "align", "box"),
    [
        ((50, 100), "center", (16, 48, 0, 64)),
        ((100, 50), "center", (0, 64, 16, 48)),
        ((100, 50), "top_left", (0, 64, 0, 32)),
        ((1, 400), "center", (31, 32, 0, 64)),
    ],
)
def test_a_letterbox_keeps_the_aspect_ratio_and_fills_the_rest_with_grey(
    shape: tuple[int, int], align: str, box: tuple[int, int, int, int]
) -> None:
    values = prepare(np.zeros((*shape, 3), np.uint8), letterbox=[64, 64], align=align, scale=1)

    top, bottom, left, right = box
    expected = np.full((64, 64), 114)
    expected[top:bottom, left:right] = 0
    np.testing.assert_array_equal(values[0], [expected] * 3)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"size": [30, 20]}, (30, 20)),
        ({"shortest_edge": 45}, (45, 90)),
        ({"longest_edge": 50}, (25, 50)),
        ({"shortest_edge": 45, "longest_edge": 60}, (30, 60)),
        ({"longest_edge": 50, "multiple_of": 32}, (32, 64)),
        ({"longest_edge": 50, "crop": [20, 40]}, (20, 40)),
        ({"longest_edge": 50, "pad": [60, 70]}, (60, 70)),
        ({"letterbox": [60, 70]}, (60, 70)),
    ],
)
def test_each_way_to_resize_gives_its_size(options: dict[str, Any], size: tuple[int, int]) -> None:
    assert prepare(noise(60, 120), **options).shape == (1, 3, *size)


def test_pad_fills_on_the_right_and_at_the_bottom_with_its_color() -> None:
    values = prepare(np.zeros((2, 3, 3), np.uint8), pad=[3, 5], pad_color=[10, 20, 30], scale=1)

    assert values[0, :, :2, :3].max() == 0
    assert values[0, :, 2, 4].tolist() == [10, 20, 30]


@pytest.mark.parametrize("resample", ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"])
def test_a_filter_is_that_of_pillow(resample: str) -> None:
    pixels = noise(40, 30)
    filtered = Image.fromarray(pixels).resize((17, 11), Image.Resampling[resample.upper()])

    np.testing.assert_array_equal(prepare(pixels, size=[11, 17], resample=resample, scale=1)[0].transpose(1, 2, 0), filtered)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": [4, 4], "letterbox": [4, 4]}, "size and letterbox contradict each other"),
        ({"size": [4, 4], "shortest_edge": 4}, "size and shortest_edge contradict"),
        ({"size": [4, 4], "multiple_of": 32}, "write one of them"),
        ({"pad_color": [0, 0, 0]}, "write one of them"),
        ({"align": "top_left"}, "write letterbox"),
        ({"std": [1.0, 0.0, 1.0]}, "greater than 0"),
        ({"mean": [float("nan"), 0, 0]}, "finite"),
        ({"scale": 0}, "greater than 0"),
        ({"size": [0, 4]}, "greater than or equal to 1"),
        ({"size": [4, 20_000]}, "less than or equal to 16384"),
        ({"resample": "cubic"}, "bicubic"),
        ({"sice": [4, 4]}, "Extra inputs"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PrepareOptions(**options)

    assert PrepareOptions(size=(4, 4)).size == (4, 4)


def test_a_picture_larger_than_its_canvas_is_refused() -> None:
    preprocessor = preprocessor_from(PrepareOptions(pad=(20, 20)))

    with pytest.raises(InvalidInputError, match="a picture of 30 x 10 does not fit on the 20 x 20"):
        preprocessor.pixel_values(noise(10, 30))

    assert preprocessor.pixel_values(noise(10, 20)).shape == (1, 3, 20, 20)
