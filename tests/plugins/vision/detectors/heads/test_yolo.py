from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout_vision.detectors.detections import Detections
from turnout_vision.detectors.heads.yolo import read_v5, read_v8, read_v10, read_yolox

SIZE = (64, 96)
CELLS = 8 * 12 + 4 * 6 + 2 * 3


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).random(shape, np.float32)


def assert_row(found: Detections, row: int, box: list[float], score: float, class_: int) -> None:
    assert found.boxes[row] == pytest.approx(box, abs=1e-4)
    assert found.scores[row] == pytest.approx(score, abs=1e-6)
    assert found.classes[row] == class_


@pytest.mark.parametrize("layout", ["boxes last", "boxes second"])
def test_v8_has_centers_and_sizes_in_pixels_and_the_scores_of_the_classes(layout: str) -> None:
    output = random(1, 4 + 3, CELLS)
    output[0, :, 17] = [40, 30, 20, 10, 0.1, 0.8, 0.3]

    found = read_v8([output if layout == "boxes last" else output.transpose(0, 2, 1)], SIZE)

    assert len(found) == CELLS
    assert found.class_count == 3
    assert_row(found, 17, [30, 25, 50, 35], 0.8, 1)


def test_v5_multiplies_each_class_with_the_objectness() -> None:
    output = random(1, 3 * CELLS, 5 + 2)
    output[0, 100] = [40, 30, 20, 10, 0.5, 0.2, 0.9]

    found = read_v5([output], SIZE)

    assert (len(found), found.class_count) == (3 * CELLS, 2)
    assert_row(found, 100, [30, 25, 50, 35], 0.45, 1)


def test_v10_has_corners_a_score_and_a_class() -> None:
    output = np.zeros((1, 300, 6), np.float32)
    output[0, 7] = [1, 2, 3.5, 4, 0.75, 79]

    found = read_v10([output], SIZE)

    assert (len(found), found.class_count) == (300, None)
    assert_row(found, 7, [1, 2, 3.5, 4], 0.75, 79)
    assert found.scores.sum() == 0.75


def test_yolox_has_offsets_and_logarithms_of_sizes_in_cells() -> None:
    output = random(1, CELLS, 5 + 2)

    found = read_yolox([output], SIZE)

    row = 0
    # Cell by cell, as the model was trained.
    for stride in (8, 16, 32):
        for y in range(SIZE[0] // stride):
            for x in range(SIZE[1] // stride):
                dx, dy, log_width, log_height, objectness, first, second = output[0, row].tolist()
                middle = (x + dx) * stride, (y + dy) * stride
                half = math.exp(log_width) * stride / 2, math.exp(log_height) * stride / 2
                box = [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]]
                assert_row(found, row, box, objectness * max(first, second), int(second > first))
                row += 1
    assert row == len(found)


def test_a_size_without_end_is_a_large_box() -> None:
    output = np.full((1, CELLS, 6), 3e38, np.float32)

    assert np.isfinite(read_yolox([output], SIZE).boxes).all()


WRONG: dict[str, tuple[Any, list[NDArray[Any]], str]] = {
    "v8 without a class": (
        read_v8,
        [np.zeros((1, 4, CELLS), np.float32)],
        r"must be FP32 \[1, 4 \+ classes, boxes\], got FP32",
    ),
    "v8 of a batch": (read_v8, [np.zeros((2, 7, CELLS), np.float32)], r"got FP32 \[2, 7, 126\]; choose another `head:`"),
    "v8 with two outputs": (read_v8, [np.zeros((1, 7, CELLS), np.float32)] * 2, "has 2 outputs .*; write `outputs:`"),
    "v8 of integers": (read_v8, [np.zeros((1, 7, CELLS), np.int64)], "got INT64"),
    "v8 of texts": (read_v8, [np.zeros((1, 7, CELLS), object)], "got BYTES"),
    "v5 without a class": (read_v5, [np.zeros((1, CELLS, 5), np.float32)], "got FP32"),
    "v5 as a plane": (read_v5, [np.zeros((1, 1, CELLS, 7), np.float32)], "got FP32"),
    "v10 with seven columns": (read_v10, [np.zeros((1, 300, 7), np.float32)], r"must be FP32 \[1, boxes, 6\]"),
    "v10 with no output": (read_v10, [], r"has 0 outputs \(none\)"),
    "yolox of another size": (read_yolox, [np.zeros((1, CELLS + 1, 7), np.float32)], "with 126 boxes for an input of 64 x 96"),
    "yolox without rows": (read_yolox, [np.zeros((1, 0, 7), np.float32)], "with 126 boxes"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_outputs_of_another_form_are_refused_in_one_line(wrong: str) -> None:
    read, outputs, message = WRONG[wrong]

    with pytest.raises(InferenceError, match=message) as raised:
        read(outputs, SIZE)

    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500
