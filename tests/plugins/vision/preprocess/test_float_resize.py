from __future__ import annotations

import numpy as np
import pytest

from turnout.errors import InvalidInputError
from turnout_vision.preprocess.float_resize import AlignedResize, SmoothResize
from turnout_vision.preprocess.sizes import ExactSize


def ramp(height: int, width: int) -> np.ndarray:
    """Return values that rise from 0 on the left to 1 on the right."""
    return np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (3, height, width))


@pytest.mark.parametrize("width", [2, 5, 33, 200])
def test_the_corners_stay_in_place_and_a_ramp_stays_a_ramp(width: int) -> None:
    resized = AlignedResize(ExactSize(7, width)).apply(ramp(4, 50))

    np.testing.assert_allclose(resized, ramp(7, width), atol=1e-6)


def test_one_column_is_the_first() -> None:
    assert AlignedResize(ExactSize(1, 1)).apply(ramp(4, 50)).tolist() == [[[0.0]]] * 3


@pytest.mark.parametrize("size", [(3, 3), (20, 30), (200, 150)])
def test_an_even_picture_stays_even(size: tuple[int, int]) -> None:
    resized = SmoothResize(*size).apply(np.full((3, 20, 30), 0.25, np.float32))

    assert resized.shape == (3, *size)
    np.testing.assert_allclose(resized, 0.25, atol=1e-7)


def test_a_reduction_smooths_a_pattern_that_is_finer_than_its_result() -> None:
    stripes = np.zeros((3, 40, 40), np.float32)
    stripes[:, :, ::2] = 1

    reduced = SmoothResize(10, 10).apply(stripes)

    assert np.abs(reduced - 0.5).max() < 0.02


def test_a_result_without_an_end_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="would be resized to 16000 x 16000"):
        AlignedResize(ExactSize(16_000, 16_000)).apply(ramp(4, 50))

    assert AlignedResize(ExactSize(4, 50)).apply(ramp(4, 50)).shape == (3, 4, 50)
