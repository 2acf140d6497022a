from __future__ import annotations

import numpy as np
import pytest

from turnout.errors import InvalidInputError
from turnout_vision.pictures.images import read_picture


def test_bytes_of_red_green_blue_are_returned_without_a_copy() -> None:
    picture = np.zeros((3, 5, 3), np.uint8)

    assert read_picture(picture) is picture


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1)])
def test_grey_becomes_three_channels(shape: tuple[int, ...]) -> None:
    picture = read_picture(np.full(shape, 7, np.uint8))

    assert picture.shape == (2, 3, 3)
    assert (picture == 7).all()


@pytest.mark.parametrize(
    ("value", "dtype", "byte"),
    [
        (True, "bool", 255),
        (65535, "uint16", 255),
        (65535, ">u2", 255),
        (32768, "uint16", 128),
        (0.5, "float16", 128),
        (1.0, "float64", 255),
    ],
)
def test_values_are_scaled_by_the_range_of_their_dtype(value: float, dtype: str, byte: int) -> None:
    picture = read_picture(np.full((1, 1), value, dtype))

    assert picture[0, 0].tolist() == [byte] * 3


@pytest.mark.parametrize("pixel", [[10, 10, 10, 0], [10, 0]])
def test_transparent_pixels_become_the_background(pixel: list[int]) -> None:
    assert read_picture(np.array([[pixel]], np.uint8), background=(1, 2, 3))[0, 0].tolist() == [1, 2, 3]


def test_opaque_pixels_keep_their_color() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    pixels[:, :, 3] = 255

    np.testing.assert_array_equal(read_picture(pixels), pixels[:, :, :3])


def test_negative_floats_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"floats from -1 to 0; they must be in 0\.\.1: scale its values"):
        read_picture(np.array([[-1.0, 0.0]]))
