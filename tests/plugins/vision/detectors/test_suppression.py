from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout_vision.detectors import suppression
from turnout_vision.detectors.detections import Detections
from turnout_vision.detectors.suppression import intersection_over_union, keep_best, suppress

# Few different numbers, so that boxes are equal, touch, contain each other and have no area.
SIDES = st.integers(0, 6)
BOXES = st.tuples(SIDES, SIDES, SIDES, SIDES).map(lambda box: (min(box[::2]), min(box[1::2]), max(box[::2]), max(box[1::2])))
FOUND = st.lists(st.tuples(BOXES, st.integers(0, 4), st.integers(0, 2)), max_size=25)


def detections(items: list[tuple[tuple[float, ...], float, int]]) -> Detections:
    boxes = np.array([box for box, _, _ in items], np.float64).reshape(-1, 4)
    return Detections(boxes, np.array([score for _, score, _ in items], float), np.array([each for _, _, each in items], int))


def brute_force(found: Detections, threshold: float, most: int, *, agnostic: bool) -> list[int]:
    """Return the indexes of the boxes that remain, by the definition, with the cells of a grid counted as areas."""
    cells = [
        {(x, y) for x in range(int(left), int(right)) for y in range(int(top), int(bottom))}
        for left, top, right, bottom in found.boxes
    ]
    kept: list[int] = []
    for index in sorted(range(len(found)), key=lambda index: (-found.scores[index], index)):
        rivals = [other for other in kept if agnostic or found.classes[other] == found.classes[index]]
        overlaps = [len(cells[index] & cells[other]) / max(1, len(cells[index] | cells[other])) for other in rivals]
        if all(overlap <= threshold for overlap in overlaps):
            kept.append(index)
    return kept[:most]


@settings(max_examples=300, deadline=None)
@given(FOUND, st.sampled_from([0, 0.1, 0.25, 0.45, 0.5, 0.7, 1]), st.integers(1, 8), st.booleans())
def test_the_boxes_that_remain_are_those_of_the_definition(
    items: list[tuple[tuple[float, ...], float, int]], threshold: float, most: int, agnostic: bool
) -> None:
    found = detections(items)

    remaining = suppress(found, threshold, most=most, agnostic=agnostic)

    expected = brute_force(found, threshold, most, agnostic=agnostic)
    assert remaining.boxes.tolist() == found.boxes[expected].tolist()
    assert remaining.scores.tolist() == found.scores[expected].tolist()
    assert remaining.classes.tolist() == found.classes[expected].tolist()


@pytest.mark.parametrize("planted", ["sum of areas", "smaller area"])
def test_a_wrong_overlap_is_detected(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = detections([((0, 0, 4, 4), 3, 0), ((0, 0, 4, 2), 2, 0), ((3, 0, 6, 4), 1, 0)])

    def wrong(box: np.ndarray, others: np.ndarray) -> np.ndarray:
        low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
        area = np.prod(box[2:] - box[:2])
        return shared / (area + areas) if planted == "sum of areas" else shared / np.minimum(area, areas)

    right = suppress(found, 0.4, most=9), suppress(found, 0.6, most=9)
    monkeypatch.setattr(suppression, "intersection_over_union", wrong)

    assert [len(each) for each in right] == [2, 3]
    assert [len(suppress(found, 0.4, most=9)), len(suppress(found, 0.6, most=9))] != [2, 3]


def test_boxes_without_area_overlap_nothing() -> None:
    boxes = np.array([[1, 1, 1, 5], [0, 0, 9, 9], [1, 1, 1, 5]], np.float64)

    assert intersection_over_union(boxes[0], boxes).tolist() == [0, 0, 0]


def test_of_equal_scores_the_first_is_kept() -> None:
    found = detections([((0, 0, 2, 2), 1, 0), ((4, 4, 6, 6), 1, 1), ((0, 0, 2, 2), 1, 2)])

    assert keep_best(found, 2).classes.tolist() == [0, 1]
    assert suppress(found, 0.5, most=9, agnostic=True).classes.tolist() == [0, 1]


def test_many_boxes_on_one_spot_end_soon() -> None:
    count = 30_000
    boxes = np.zeros((count, 4)) + np.array([0, 0, 9, 9]) + np.arange(count)[:, np.newaxis] * 10
    found = Detections(boxes, np.linspace(1, 0, count), np.zeros(count, np.int64))

    assert suppress(found, 0.5, most=100).scores.tolist() == found.scores[:100].tolist()
