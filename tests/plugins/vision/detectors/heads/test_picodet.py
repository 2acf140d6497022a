from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout_vision.detectors.heads.picodet import read_picodet

# The last stride does not divide the sides.
SIZE = (64, 96)
CELLS = {8: (8, 12), 16: (4, 6), 32: (2, 3), 64: (1, 2)}


def outputs() -> list[NDArray[np.float32]]:
    random = np.random.default_rng(3)
    scores = [random.random((1, rows * columns, 3), np.float32) for rows, columns in CELLS.values()]
    return scores + [random.normal(size=(1, rows * columns, 32)).astype(np.float32) for rows, columns in CELLS.values()]


def test_a_box_has_the_expected_distances_around_the_middle_of_its_cell() -> None:
    values = outputs()

    found = read_picodet(values, SIZE)

    boxes, scores = [], []
    for index, (stride, (rows, columns)) in enumerate(CELLS.items()):
        for cell in range(rows * columns):
            x, y = (cell % columns + 0.5) * stride, (cell // columns + 0.5) * stride
            weights = np.exp(values[index + 4][0, cell].astype(np.float64).reshape(4, 8))
            left, top, right, bottom = ((side / side.sum() * range(8)).sum() * stride for side in weights)
            boxes.append([x - left, y - top, x + right, y + bottom])
            scores.append(values[index][0, cell].max())
    assert found.class_count == 3
    assert found.boxes == pytest.approx(np.array(boxes), abs=1e-6)
    assert found.scores == pytest.approx(np.array(scores))


@pytest.mark.parametrize("order", [[3, 2, 1, 0, 7, 6, 5, 4], [0, 4, 1, 5, 2, 6, 3, 7], [7, 0, 5, 2, 1, 4, 3, 6]])
def test_the_order_of_the_outputs_is_free(order: list[int]) -> None:
    values = outputs()

    right, same = read_picodet(values, SIZE), read_picodet([values[index] for index in order], SIZE)

    assert right.boxes.tolist() == same.boxes.tolist()
    assert right.scores.tolist() == same.scores.tolist()


def test_with_as_many_classes_as_columns_the_scores_come_first() -> None:
    random = np.random.default_rng(3)
    arrays = [random.random((1, rows * columns, 32), np.float32) for rows, columns in [*CELLS.values(), *CELLS.values()]]

    assert read_picodet(arrays, SIZE).class_count == 32
    assert read_picodet(arrays, SIZE).scores.tolist() != read_picodet(arrays[4:] + arrays[:4], SIZE).scores.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values[:7], "got 7 outputs; write `outputs:`"),
        (lambda values: [], "got 0 outputs"),
        (lambda values: [values[0], *values[:3], *values[4:]], "with the 96 cells of its scores"),
        (lambda values: [values[0][:, :50], *values[1:]], "with one cell for each stride"),
        (lambda values: [*values[:4], values[4][:, :, :30], *values[5:]], "must be distances"),
        (lambda values: [values[0].astype(np.int32), *values[1:]], "got INT32"),
    ],
)
def test_outputs_of_another_form_are_refused(change: Any, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        read_picodet(change(outputs()), SIZE)
