from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from turnout.errors import InferenceError
from turnout_vision.regions.masks import bounding_box, paste_mask
from turnout_vision.regions.region import Region

REGION = Region(2, 1, 6, 4)


@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (1, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, ml_dtypes.bfloat16])
def test_a_map_is_pasted_at_its_region(shape: tuple[int, ...], dtype: Any) -> None:
    logits = np.full((3, 4), -3, dtype)
    logits[0, 1] = logits[2, 3] = 3

    mask = paste_mask(logits.reshape(shape), REGION, 5, 8, threshold=0.5)

    assert mask.dtype == np.bool_
    assert mask.shape == (5, 8)
    assert np.argwhere(mask).tolist() == [[1, 3], [3, 5]]


def test_a_map_of_another_size_is_resized_to_its_region() -> None:
    logits = np.array([[[[-5.0, 5.0]]]], np.float32)

    mask = paste_mask(logits, Region(0, 0, 8, 6), 6, 8, threshold=0.5)

    np.testing.assert_array_equal(mask, np.tile(np.arange(8) >= 4, (6, 1)))


@pytest.mark.parametrize(("threshold", "inside"), [(0.5, 1), (0.7310, 1), (0.7311, 0), (0.1, 2)])
def test_the_threshold_is_a_probability(threshold: float, inside: int) -> None:
    logits = np.array([[[1.0, -1.0, -9.0]]], np.float32)

    assert paste_mask(logits, Region(0, 0, 3, 1), 1, 3, threshold=threshold).sum() == inside


def test_infinite_logits_are_certain() -> None:
    logits = np.array([[[np.inf, -np.inf]]], np.float32)

    assert paste_mask(logits, Region(0, 0, 4, 1), 1, 4, threshold=0.5).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (np.zeros((3, 4), np.float32), r"must be FP32 \[1, 1, height, width\], got FP32 \[3, 4\]"),
        (np.zeros((1, 2, 3, 4), np.float32), r"got FP32 \[1, 2, 3, 4\]"),
        (np.zeros((1, 1, 1, 3, 4), np.float32), "is it a segmenter"),
        (np.zeros((1, 1, 0, 4), np.float32), r"got FP32 \[1, 1, 0, 4\]"),
        (np.zeros((1, 1, 3, 4), np.int64), r"got INT64"),
        (np.full((1, 1, 3, 4), np.nan, np.float32), "contains NaN"),
    ],
)
def test_an_array_that_is_not_a_map_is_refused(logits: Any, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        paste_mask(logits, REGION, 5, 8, threshold=0.5)


def test_the_bounding_box_ends_after_the_last_pixel_of_a_mask() -> None:
    mask = np.zeros((5, 8), np.bool_)
    mask[1, 3] = mask[3, 5] = True

    assert bounding_box(mask) == (3, 1, 6, 4)
    assert bounding_box(np.zeros((5, 8), np.bool_)) is None
