from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout_vision.text_reading.polygons import grow, order_corners, reading_order, smallest_rectangle

Points = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def square(left: float, top: float, side: float = 8) -> np.ndarray:
    return np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]], np.float32)


@given(Points)
def test_reading_order_is_that_of_paddleocr(points: list[tuple[int, int]]) -> None:
    # Its definition: by top, then one pass in which neighbors on one line are exchanged until they are in order.
    boxes = sorted((square(*point) for point in points), key=lambda box: (box[0][1], box[0][0]))
    for end in range(len(boxes) - 1):
        for index in range(end, -1, -1):
            here, there = boxes[index + 1], boxes[index]
            if not (abs(here[0][1] - there[0][1]) < 10 and here[0][0] < there[0][0]):
                break
            boxes[index], boxes[index + 1] = here, there

    polygons = [square(*point) for point in points]

    assert [polygons[index][0].tolist() for index in reading_order(polygons)] == [box[0].tolist() for box in boxes]


def test_lines_are_read_from_the_top_and_words_of_a_line_from_the_left() -> None:
    words = [square(90, 101), square(5, 100), square(50, 96), square(40, 20), square(0, 140)]

    assert reading_order(words) == [3, 1, 2, 0, 4]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_corners_are_put_in_order(order: tuple[int, ...]) -> None:
    corners = np.array([[10, 12], [60, 20], [58, 40], [8, 30]], np.float32)

    assert order_corners(corners[list(order)]).tolist() == corners.tolist()


def test_a_rectangle_grows_on_each_side() -> None:
    pytest.importorskip("pyclipper")
    pytest.importorskip("cv2")

    corners, side = smallest_rectangle(grow(np.array([[20, 20], [80, 20], [80, 40], [20, 40]], np.float32), 1.5))

    distance = 60 * 20 * 1.5 / 160
    assert corners[0] == pytest.approx([20 - distance, 20 - distance], abs=1)
    assert corners[2] == pytest.approx([80 + distance, 40 + distance], abs=1)
    assert side == pytest.approx(20 + 2 * distance, abs=1.5)
