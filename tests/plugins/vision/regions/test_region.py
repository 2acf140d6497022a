from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from turnout.errors import InvalidInputError
from turnout_vision.regions.region import Region, parse_regions

HEIGHT, WIDTH = 50, 100


def parse(value: Any, max_regions: int = 10) -> list[Region | InvalidInputError]:
    return parse_regions(value, HEIGHT, WIDTH, max_regions=max_regions)


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2, 30, 40]],
        [(1, 2, 30, 40)],
        [{"box": [1, 2, 30, 40]}],
        {"regions": [{"box": [1, 2, 30, 40], "area": 1102}]},
        np.array([[1, 2, 30, 40]]),
        [np.array([1.0, 2.0, 30.0, 40.0], np.float32)],
        [[np.float32(1), np.int64(2), 30, 40]],
        [Region(1, 2, 30, 40)],
    ],
)
def test_a_box_is_parsed_from_any_of_its_forms(value: Any) -> None:
    assert parse(value) == [Region(1, 2, 30, 40)]


def test_a_label_is_kept() -> None:
    assert parse([{"box": [1, 2, 30, 40], "label": "cat"}]) == [Region(1, 2, 30, 40, "cat")]


@pytest.mark.parametrize("score", [0.9, 1, np.float32(0.5), np.int64(0)])
def test_a_score_is_kept_as_a_number(score: Any) -> None:
    expected = Region(1, 2, 30, 40, "cat", float(score))

    assert parse([{"box": [1, 2, 30, 40], "label": "cat", "score": score}, expected]) == [expected, expected]


@pytest.mark.parametrize(
    "region", [Region(1, 2, 30, 40), Region(1, 2, 30, 40, "cat"), Region(1, 2, 30, 40, "cat", 0.5), Region(0, 0, 1, 1, score=0)]
)
def test_the_json_of_a_region_is_parsed_as_the_same_region(region: Region) -> None:
    assert parse(json.loads(json.dumps([region.__json__()]))) == [region]


@pytest.mark.parametrize("value", [[], (), {"regions": []}, np.zeros((0, 4))])
def test_without_boxes_the_region_is_the_picture(value: Any) -> None:
    assert parse(value) == [Region(0, 0, WIDTH, HEIGHT)]


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        ([-5, -5, 10, 10], (0, 0, 10, 10)),
        ([90, 40, 200, 1e9], (90, 40, 100, 50)),
        ([0.6, 1.2, 3.1, 4.9], (0, 1, 4, 5)),
        ([-1e300, 0, 1e300, 10], (0, 0, 100, 10)),
        ([99.5, 49.5, 100, 50], (99, 49, 100, 50)),
    ],
)
def test_a_box_is_clipped_to_whole_pixels_of_the_picture(box: list[float], clipped: tuple[int, ...]) -> None:
    (region,) = parse([box])

    assert isinstance(region, Region)
    assert region.box == clipped


WRONG = {
    "empty": ([5, 5, 5, 9], r"region 1: box \[5.*\] is empty"),
    "no area": ([5, 5, 5, 5], "is empty"),
    "inverted": ([9, 9, 5, 20], "is inverted: right is less than left"),
    "NaN": ([0, 0, math.nan, 5], r"contains nan; write \[left, top, right, bottom\]"),
    "infinite": ([0, 0, math.inf, 5], "contains inf"),
    "text": (["0", 0, 5, 5], r"contains '0' \(type str\)"),
    "truth": ([True, 0, 5, 5], r"contains True \(type bool\)"),
    "nothing": ([None, 0, 5, 5], r"contains None \(type NoneType\)"),
    "three numbers": ([0, 0, 5], r"box \[0, 0, 5\] does not have four numbers"),
    "a string": ("0 0 5 5", "does not have four numbers"),
    "a number": (5, "does not have four numbers"),
    "left of the picture": ([-9, 0, -1, 5], r"is outside the picture, which is 100 x 50 \(width x height\)"),
    "right of the picture": ([100, 0, 120, 5], "is outside the picture"),
    "below the picture": ([0, 50, 5, 60], "is outside the picture"),
    "another key": ({"bbox": [0, 0, 5, 5]}, r"it has the keys bbox, not 'box'; write .* picture\. Did you mean 'bbox'"),
    "a label that is no text": ({"box": [0, 0, 5, 5], "label": 3}, r"label 3 \(type int\) is not text; write text"),
    "a score that is no number": ({"box": [0, 0, 5, 5], "score": "0.9"}, r"score '0.9' \(type str\) is not a finite number"),
    "a score of NaN": ({"box": [0, 0, 5, 5], "score": math.nan}, "score nan"),
    "a score of truth": ({"box": [0, 0, 5, 5], "score": True}, r"score True \(type bool\)"),
    "an integer that no float holds": ([0, 0, 10**400, 5], r"contains an integer of 1329 "),
    "a number too long to write": ([0, 0, 10**100_000, 5], r"contains an integer of 3321"),
    "an array of arrays": (np.zeros((4, 4)), "does not have four numbers"),
    "a million points": ([[1, 2]] * 1_000_000, r"box \[\[1, 2\], \[1, 2\],.* does not have four numbers"),
    "a megabyte of label": ({"box": [0, 0, 5, 5], "label": "x" * 1_000_000}, r"has 1000000 characters; the limit is 1000"),
    "a million keys": (dict.fromkeys(map(str, range(1_000_000))), r"it has the keys 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, not 'box'"),
    "minus infinity": ([-math.inf, 0, 5, 5], "contains -inf"),
    "beyond every picture": ([1e308, 1e308, 1.7e308, 1.7e308], "is outside the picture"),
    "nested": ([[0, 0, 5, 5]], "does not have four numbers"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_box_has_its_error_and_the_others_are_parsed(wrong: str) -> None:
    box, message = WRONG[wrong]

    before, error, after = parse([[0, 0, 5, 5], box, [1, 1, 6, 6]])

    assert (before, after) == (Region(0, 0, 5, 5), Region(1, 1, 6, 6))
    assert isinstance(error, InvalidInputError)
    with pytest.raises(InvalidInputError, match=message):
        raise error


def test_boxes_above_the_limit_are_errors() -> None:
    regions = parse([[0, 0, 5, 5]] * 4, max_regions=2)

    assert [isinstance(region, Region) for region in regions] == [True, True, False, False]
    assert str(regions[2]) == "region 2: the limit is 2 regions of a picture; raise max_regions of load_image"


def test_far_too_many_boxes_are_refused_before_one_is_read() -> None:
    with pytest.raises(
        InvalidInputError, match=r"^1000000 regions are given, the most is 20: give fewer, or raise max_regions"
    ):
        parse([None] * 1_000_000, max_regions=2)
    with pytest.raises(InvalidInputError, match=r"^1000000 regions are given"):
        parse(np.zeros((1_000_000, 4)), max_regions=2)
    with pytest.raises(InvalidInputError, match=r"^21 regions are given"):
        parse({"regions": [[0, 0, 5, 5]] * 21}, max_regions=2)


def test_a_box_of_any_finite_numbers_is_clipped() -> None:
    assert parse([[-1e308, -1e308, 1e308, 1e308]]) == [Region(0, 0, WIDTH, HEIGHT)]


@pytest.mark.parametrize(
    "value", [7, "0,0,5,5", {"boxes": []}, {"regions": "all"}, np.float32(3), np.array(3), None, [0, 0, 5, 5], np.arange(4)]
)
def test_a_value_that_is_not_a_list_of_boxes_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="regions"):
        parse(value)


def test_a_region_grows_by_its_larger_side_inside_the_picture() -> None:
    assert Region(10, 20, 30, 30).with_margin(0.1, HEIGHT, WIDTH) == Region(8, 18, 32, 32)
    assert Region(0, 20, 99, 50, "x").with_margin(0.5, HEIGHT, WIDTH) == Region(0, 0, 100, 50, "x")
    assert Region(10, 20, 30, 30).with_margin(0, HEIGHT, WIDTH) == Region(10, 20, 30, 30)
