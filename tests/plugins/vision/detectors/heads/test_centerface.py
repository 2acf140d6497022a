from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout_vision.detectors.heads.centerface import read_centerface

SIZE = (64, 96)


def outputs() -> list[NDArray[np.float32]]:
    centers, sizes, offsets = (np.zeros((1, channels, 16, 24), np.float32) for channels in (1, 2, 2))
    centers[0, 0, 5, 9] = 0.9
    # Height and width, then y and x.
    sizes[0, :, 5, 9] = np.log([10, 5])
    offsets[0, :, 5, 9] = [0.25, -0.25]
    return [centers, sizes, offsets, np.zeros((1, 10, 16, 24), np.float32)]


def test_a_face_is_around_its_center() -> None:
    found = read_centerface(outputs(), SIZE)

    best = int(found.scores.argmax())
    assert found.scores[best] == pytest.approx(0.9)
    # (9 - 0.25 + 0.5) * 4 = 37 and (5 + 0.25 + 0.5) * 4 = 23; 20 wide and 40 high.
    assert found.boxes[best] == pytest.approx([27, 3, 47, 43], abs=1e-4)
    assert (found.classes[best], found.class_count, len(found)) == (0, 1, 16 * 24)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values[:2], "got 2 outputs; write `outputs:`"),
        (lambda values: [values[1], values[0], *values[2:]], r"must be FP32 \[1, 1, height / 4, width / 4\]"),
        (lambda values: [values[0][:, :, :8], *values[1:]], "for an input of 64 x 96"),
        (lambda values: [values[0][0], *values[1:]], r"got FP32 \[1, 16, 24\]"),
    ],
)
def test_outputs_of_another_form_are_refused(change: Any, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        read_centerface(change(outputs()), SIZE)
