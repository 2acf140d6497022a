from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout_vision.drawing.annotation import annotate_result
from turnout_vision.drawing.class_maps import draw_class_map
from turnout_vision.drawing.colors import class_color, depth_colors
from turnout_vision.drawing.depth_maps import draw_depth_map
from turnout_vision.maps.class_share import ClassShare
from turnout_vision.regions.region import Region


@pytest.fixture
def gray() -> NDArray[np.uint8]:
    return np.full((700, 900, 3), 128, np.uint8)


@pytest.fixture
def halves(gray: NDArray[np.uint8]) -> NDArray[np.int32]:
    class_map = np.zeros(gray.shape[:2], np.int32)
    class_map[:, 450:] = 7
    return class_map


def draw(**result: Any) -> NDArray[np.uint8]:
    return np.asarray(annotate_result(result))


def test_each_class_has_its_color_and_the_border_is_a_line(gray: NDArray[np.uint8], halves: NDArray[np.int32]) -> None:
    drawn = draw_class_map(gray, halves)

    np.testing.assert_allclose(drawn[350, 100], (128 + np.array(class_color(0))) / 2, atol=1)
    np.testing.assert_allclose(drawn[350, 800], (128 + np.array(class_color(7))) / 2, atol=1)
    assert tuple(drawn[350, 449]) == class_color(0)
    assert (gray == 128).all()


def test_a_border_across_two_bands_is_drawn(gray: NDArray[np.uint8]) -> None:
    class_map = np.zeros((700, 900), np.int32)
    for top in range(0, 700, 2):
        class_map[top] = 1

    drawn = draw_class_map(gray, class_map)

    # Each row borders on another class below it, in whichever band that is.
    assert {tuple(pixel) for pixel in drawn[:-1, 5]} == {class_color(0), class_color(1)}


def test_pixels_without_a_class_keep_their_color(gray: NDArray[np.uint8]) -> None:
    assert (draw_class_map(gray, np.full((700, 900), -1, np.int32)) == 128).all()
    assert draw_class_map(gray, np.full((700, 900), 2**30, np.int32)).shape == gray.shape


def test_the_legend_names_the_classes_below_the_picture(gray: NDArray[np.uint8], halves: NDArray[np.int32]) -> None:
    classes = [ClassShare(0, "sky", 0.5), ClassShare(7, "sea", 0.5)]

    drawn = draw(picture=gray, class_map=halves, classes=classes)

    legend = {tuple(pixel) for pixel in drawn[700:].reshape(-1, 3)}
    assert {class_color(0), class_color(7)} <= legend
    assert (drawn[700:] > 230).all(axis=2).any()


def test_a_legend_of_very_many_classes_ends(gray: NDArray[np.uint8], halves: NDArray[np.int32]) -> None:
    classes = [ClassShare(index, f"class {index}", 0.001) for index in range(1000)]

    drawn = draw(picture=gray, class_map=halves, classes=classes)

    assert drawn.shape[0] < 1000


def test_a_depth_is_a_second_picture_with_its_scale(gray: NDArray[np.uint8]) -> None:
    depth = np.linspace(1, 9, 700 * 900, dtype=np.float32).reshape(700, 900)

    drawn = draw(picture=gray, depth=depth)

    assert (drawn[:700, :900] == 128).all()
    panel = drawn[700:1400].astype(int).sum(axis=2)
    assert (np.diff(panel.mean(axis=1)) >= 0).mean() > 0.95
    assert drawn.shape[0] > 1410
    assert draw(picture=gray[:, :400], depth=depth[:, :400]).shape[1] == 800


def test_the_colors_of_a_depth_are_from_dark_to_bright() -> None:
    brightness = depth_colors(np.linspace(0, 1, 256)).astype(int) @ [299, 587, 114]

    assert (np.diff(brightness) >= 0).all()
    assert brightness[-1] - brightness[0] > 150_000


@pytest.mark.parametrize("value", [np.nan, np.inf, 3.0])
def test_a_depth_without_a_range_is_drawn(value: float) -> None:
    drawn = draw_depth_map(np.full((4, 5), value, np.float32))

    assert drawn.pixels.shape == (4, 5, 3)
    assert (drawn.pixels == drawn.pixels[0, 0]).all()


def test_pixels_without_a_depth_are_black_and_take_no_colors_from_others() -> None:
    depth = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    depth[0, 0], depth[5, 5] = np.nan, -np.inf

    drawn = draw_depth_map(depth)

    assert not drawn.pixels[0, 0].any()
    assert not drawn.pixels[5, 5].any()
    assert drawn.pixels[9, 9].sum() > drawn.pixels[0, 1].sum() + 300


@pytest.mark.parametrize(
    "other",
    [
        {"class_map": np.zeros((3, 3), np.int32)},
        {"class_map": [[0, 1]]},
        {"class_map": np.zeros((700, 900), np.float32)},
        {"depth": np.zeros((700, 900, 1), np.float32)},
        {"depth": [1.0]},
        {"classes": ["sky"]},
    ],
)
def test_what_is_no_map_of_the_picture_is_not_drawn(gray: NDArray[np.uint8], other: dict[str, Any]) -> None:
    assert (draw(picture=gray, **other) == 128).all()


def test_the_edge_of_the_picture_is_no_finding_beside_a_map(gray: NDArray[np.uint8], halves: NDArray[np.int32]) -> None:
    whole = [Region(0, 0, 900, 700)]

    np.testing.assert_array_equal(draw(picture=gray, regions=whole, class_map=halves), draw(picture=gray, class_map=halves))
    assert (draw(picture=gray, regions=[*whole, Region(9, 9, 20, 20)])[0] != 128).any()
