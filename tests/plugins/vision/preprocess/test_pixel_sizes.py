from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.errors import InvalidInputError
from turnout_vision.preprocess.pixel_sizes import (
    LongestEdgeAtLeast,
    PixelBudget,
    ShortestEdgeDown,
    ShortestEdgeMultiple,
    WholePatches,
)
from turnout_vision.preprocess.sizes import LargestInside, LongestEdge, NearestMultiple

SIDES = st.integers(1, 6000)


@given(SIDES, SIDES)
def test_a_budget_gives_multiples_within_its_limits(height: int, width: int) -> None:
    budget = PixelBudget(factor=28, least=56 * 56, most=28 * 28 * 1280)
    if max(height, width) > 200 * min(height, width):
        with pytest.raises(InvalidInputError, match="crop it to a less narrow part"):
            budget.compute(height, width)
        return

    rows, columns = budget.compute(height, width)

    assert rows % 28 == columns % 28 == 0
    assert rows * columns >= 56 * 56
    # A side is never below one factor, so a narrow picture may exceed the limit by that.
    assert rows * columns <= 28 * 28 * 1280 or min(rows, columns) == 28


@given(SIDES, SIDES)
def test_patches_are_whole_and_stay_inside(height: int, width: int) -> None:
    rows, columns = WholePatches(1024, 512, 16, 14).compute(height, width)

    assert rows % 16 == columns % 14 == 0
    # Less than a pixel gives no patch: resizing then refuses the picture.
    assert 0 <= rows <= 1024
    assert 0 <= columns <= 518


@given(SIDES, SIDES)
def test_the_largest_size_inside_touches_one_side(height: int, width: int) -> None:
    rows, columns = LargestInside(640, 480).compute(height, width)

    assert 1 <= rows <= 640
    assert 1 <= columns <= 480
    assert rows == 640 or columns == 480


@pytest.mark.parametrize(
    ("target", "picture", "size"),
    [
        (LongestEdge(100), (50, 200), (25, 100)),
        (LongestEdge(100), (1, 2000), (1, 100)),
        (LongestEdgeAtLeast(100, 14), (1, 2000), (14, 100)),
        (LongestEdgeAtLeast(100, 14), (2000, 1), (100, 14)),
        (LongestEdgeAtLeast(101, 14), (75, 100), (76, 101)),
        (LongestEdgeAtLeast(101, 14, rounds=int), (75, 100), (75, 101)),
        (NearestMultiple(LongestEdge(100), 32), (50, 200), (32, 96)),
        (ShortestEdgeDown(64, 32), (100, 130), (64, 64)),
        (ShortestEdgeDown(64, 32), (100, 400), (0, 96)),
        (ShortestEdgeMultiple(64, 200, 16), (100, 150), (64, 96)),
        (ShortestEdgeMultiple(64, 80, 16), (100, 150), (48, 80)),
    ],
)
def test_known_sizes(target: LongestEdge, picture: tuple[int, int], size: tuple[int, int]) -> None:
    assert target.compute(*picture) == size
