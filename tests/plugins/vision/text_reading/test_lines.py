"""Lines of text: cut out of a frame, and as inputs of a model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout_vision.text_reading.line_box import line_region
from turnout_vision.text_reading.line_crops import cut_line
from turnout_vision.text_reading.line_input import group_widths, resize_line
from turnout_vision.text_reading.text_line import TextLine
from turnout_vision.text_reading.text_pixels import channels_first, line_table, normalization_table

cv2 = pytest.importorskip("cv2")

RED, GREEN = (200, 0, 0), (0, 200, 0)


def line(width: int, height: int) -> NDArray[np.uint8]:
    """Return a line, red on its left half and green on its right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = RED, GREEN
    return picture


def turned(degrees: float, width: int = 120, height: int = 24) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a picture with a line turned by ``degrees``, and its corners from the top left of the line."""
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += (100 - width / 2, 100 - height / 2)
    picture = cv2.warpAffine(line(width, height), matrix, (200, 200))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    return picture, (corners @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


@pytest.mark.parametrize("degrees", [0, 5, 30, -30, 80])
def test_a_line_is_straightened(degrees: float) -> None:
    crop = cut_line(*turned(degrees))

    assert crop.shape[:2] == pytest.approx((24, 120), abs=1)
    assert np.median(crop[6:-6, 6:54], axis=(0, 1)).tolist() == pytest.approx(RED, abs=8)
    assert np.median(crop[6:-6, 66:-6], axis=(0, 1)).tolist() == pytest.approx(GREEN, abs=8)


def test_what_is_much_taller_than_wide_is_turned_against_the_clock() -> None:
    picture = np.ascontiguousarray(np.rot90(line(120, 24), -1))
    corners = np.array([[0, 0], [24, 0], [24, 120], [0, 120]], np.float32)

    crop = cut_line(picture, corners)

    assert crop.shape == (24, 120, 3)
    assert crop[12, 30].tolist() == pytest.approx(RED, abs=8)


def test_each_group_of_lines_of_similar_proportions_has_one_width() -> None:
    crops = [line(width, 20) for width in (400, 40, 220, 60, 210, 180)]

    assert group_widths(crops, height=48, least=320, group=2) == [960, 320, 960, 320, 504, 504]
    assert group_widths(crops, height=48, least=320, group=1) == [960, 320, 528, 320, 504, 432]
    assert group_widths([], height=48, least=320, group=6) == []


def test_a_line_that_is_no_line_of_text_is_squeezed() -> None:
    (width,) = group_widths([line(3000, 4)], height=48, least=320, group=6)

    assert width == 9600
    assert resize_line(line(3000, 4), height=48, width=width).shape == (48, 9600, 3)


@pytest.mark.parametrize(("size", "width"), [((100, 20), 240), ((101, 20), 243), ((300, 20), 320), ((1, 20), 3)])
def test_a_line_keeps_its_proportions_unless_it_is_too_wide(size: tuple[int, int], width: int) -> None:
    assert resize_line(line(*size), height=48, width=320).shape == (48, width, 3)


def test_pixels_are_normalized_in_the_order_of_the_model_and_padded_with_0() -> None:
    pixels = np.full((2, 3, 3), (255, 0, 51), np.uint8)

    values = channels_first(pixels, line_table(), order="BGR", width=5)

    assert values.shape == (1, 3, 2, 5)
    assert values.dtype == np.float32
    assert values[0, :, 1, 2].tolist() == pytest.approx([-0.6, -1, 1])
    assert not values[..., 3:].any()
    assert channels_first(pixels, line_table(), order="RGB")[0, :, 0, 0].tolist() == pytest.approx([1, -1, -0.6])


def test_the_mean_and_the_deviation_are_those_of_each_channel() -> None:
    table = normalization_table((0.5, 0.4, 0.0), (0.5, 0.2, 1.0))

    assert table[:, 51].tolist() == pytest.approx([-0.6, -1, 0.2])


@pytest.mark.parametrize(
    ("corners", "box"),
    [
        ([[10.2, 5.5], [90, 7], [90, 20.1], [10, 18]], (10, 5, 90, 21)),
        ([[100, 50], [100, 50], [100, 50], [100, 50]], (99, 49, 100, 50)),
        ([[0, 0], [0, 0], [0, 3], [0, 3]], (0, 0, 1, 3)),
    ],
)
def test_a_line_becomes_a_region_with_its_text(corners: list[list[float]], box: tuple[int, int, int, int]) -> None:
    region = line_region(TextLine("EXIT", 0.9, np.array(corners, np.float32)), 50, 100)

    assert (region.box, region.label, region.score) == (box, "EXIT", 0.9)
