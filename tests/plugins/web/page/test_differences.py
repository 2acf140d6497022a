"""Differences between two results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from turnout_web.page.differences import MOST_LISTED, find_differences

MASK = np.zeros((10, 20), np.bool_)
MASK[2:6, 3:9] = True


@dataclass(frozen=True)
class Region:
    left: int
    label: str | None = None


def _shifted(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.roll(mask, 1, axis=1)


def _find(left: Any, right: Any) -> list[dict[str, Any]]:
    found = find_differences({"value": left}, {"value": right}, ["value"])
    assert found.different == len(found.listed)
    json.dumps(found.as_json(), allow_nan=False)
    return found.listed


@pytest.mark.parametrize(
    "value",
    [
        "a red circle",
        0.1,
        7,
        None,
        True,
        MASK,
        [MASK, None],
        {"a": [1, 2.5]},
        Region(3),
        np.ones((3, 4), np.float32),
        float("nan"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_equal_values_have_no_difference(value: Any) -> None:
    found = find_differences({"value": value}, {"value": value}, ["value"])

    assert found.listed == []
    assert found.compared >= 1


def test_rounding_of_two_runtimes_is_no_difference() -> None:
    assert _find(0.123456, 0.123457) == []
    assert _find(np.full(5, 1.0, np.float32), np.full(5, 1.0000001, np.float32)) == []


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("red", "blue", "text"),
        (0.5, 0.6, "number"),
        (1, 2, "number"),
        (True, 1, "value"),
        (None, "red", "missing"),
        ([1, 2], [1], "shape"),
        (np.zeros(3), np.zeros(4), "shape"),
        (np.zeros(3), np.ones(3), "array"),
        (np.array(["a"], object), np.array(["b"], object), "value"),
        (MASK, np.zeros((3, 3), np.bool_), "shape"),
        ("1", 1, "value"),
        (MASK, None, "missing"),
    ],
)
def test_each_kind_of_difference_is_found(left: Any, right: Any, kind: str) -> None:
    assert [one["kind"] for one in _find(left, right)] == [kind]


def test_masks_are_compared_pixel_by_pixel() -> None:
    (found,) = _find([None, MASK], [None, _shifted(MASK)])

    assert found["path"] == ["value", 1]
    assert (found["pixels"], found["of"]) == (8, 200)
    assert found["overlap"] == pytest.approx(20 / 28)
    assert found["left"] == {"size": [10, 20], "area": 24, "box": [3, 2, 9, 6]}


def test_one_pixel_is_a_difference() -> None:
    other = MASK.copy()
    other[9, 19] = True

    (found,) = _find(MASK, other)

    assert found["pixels"] == 1


def test_objects_of_steps_are_compared_by_their_fields() -> None:
    (found,) = _find([Region(3)], [Region(4)])

    assert (found["path"], found["left"], found["right"]) == (["value", 0, "left"], 3, 4)


def test_a_value_on_one_side_only_is_missing() -> None:
    found = find_differences({"a": "x"}, {}, ["a", "b"])

    assert [(one["path"], one["kind"], one["right"]) for one in found.listed] == [(["a"], "missing", None)]


def test_many_differences_are_counted_and_the_first_are_listed() -> None:
    found = find_differences({"v": list(range(1000))}, {"v": list(range(1000, 2000))}, ["v"])

    assert (found.different, len(found.listed)) == (1000, MOST_LISTED)


def test_infinity_and_nan_are_values_that_json_can_carry() -> None:
    (found,) = _find(1.0, float("inf"))
    assert found["difference"] is None
    assert [one["kind"] for one in _find(np.array([1.0, np.nan]), np.array([1.0, 2.0]))] == ["array"]
