from __future__ import annotations

import numpy as np
import pytest

from turnout.errors import InvalidInputError
from turnout_vision.text_reading.detector_input import MAX_PIXELS, detector_size
from turnout_vision.text_reading.text_frame import TextFrame, frame_of

pytest.importorskip("cv2")


def frame(height: int, width: int) -> TextFrame:
    return frame_of(np.full((height, width, 3), 200, np.uint8), largest_side=2000, smallest_side=30)


@pytest.mark.parametrize(
    ("size", "resized", "bar"),
    [
        ((430, 323), (430, 323), 0),
        # Beyond the limit, and then in multiples of 32.
        ((1698, 2400), (1408, 1984), 0),
        ((3000, 10), (1984, 32), 0),
        # Too small: 30 pixels at least.
        ((11, 65), (32, 192), 0),
        ((1, 1), (32, 32), 0),
        # Flat, and more than eight times as wide as high.
        ((30, 100), (60, 100), 15),
        ((50, 1000), (250, 1000), 100),
        ((50, 400), (50, 400), 0),
        ((50, 401), (100, 401), 25),
    ],
)
def test_a_picture_is_resized_into_limits(size: tuple[int, int], resized: tuple[int, int], bar: int) -> None:
    found = frame(*size)

    assert found.pixels.shape == (*resized, 3)
    assert found.bar == bar
    assert set(np.unique(found.pixels[bar : resized[0] - bar])) == {200}
    assert bar == 0 or set(np.unique(found.pixels[:bar])) == set(np.unique(found.pixels[-bar:])) == {0}


@pytest.mark.parametrize("size", [(430, 323), (1698, 2400), (11, 65), (50, 1000), (1, 9)])
def test_points_return_to_the_picture(size: tuple[int, int]) -> None:
    found, (height, width) = frame(*size), size
    rows, columns = found.pixels.shape[0] - 2 * found.bar, found.pixels.shape[1]
    corners = np.array([[0, found.bar], [columns, found.bar], [columns / 2, found.bar + rows]], np.float32)
    outside = np.array([[-5, 0], [columns + 9, 10_000]], np.float32)

    assert found.to_picture(corners) == pytest.approx(np.array([[0, 0], [width, 0], [width / 2, height]]), rel=1e-6)
    assert found.to_picture(outside).tolist() == [[0, 0], [width, height]]


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1), (3, 2000)])
def test_a_picture_that_is_too_narrow_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInputError, match=f"a picture of {size[1]} x {size[0]} .*; give a part of the picture"):
        detector_size(frame(*size), limit="min", limit_side=736)

    assert frame(430, 323).pixels.shape == (430, 323, 3)


def test_a_picture_of_millions_of_rows_needs_little_memory() -> None:
    found = frame_of(np.zeros((3_000_000, 1, 3), np.uint8), largest_side=2000, smallest_side=30)

    assert found.pixels.shape == (1984, 32, 3)


@pytest.mark.parametrize(
    ("size", "limit", "side", "expected"),
    [
        ((430, 323), "min", 736, (992, 736)),
        ((1000, 800), "min", 736, (992, 800)),
        ((430, 323), "max", 960, (416, 320)),
        ((1500, 3000), "max", 960, (480, 960)),
        ((40, 300), "max", 960, (32, 288)),
    ],
)
def test_the_input_of_the_detector_has_sides_in_multiples_of_32(
    size: tuple[int, int], limit: str, side: int, expected: tuple[int, int]
) -> None:
    assert detector_size(frame(*size), limit=limit, limit_side=side) == expected


def test_the_input_of_the_detector_has_a_largest_size() -> None:
    rows, columns = detector_size(frame(2000, 140), limit="min", limit_side=736)

    assert rows * columns <= MAX_PIXELS
    with pytest.raises(InvalidInputError, match=r"a picture of 120 x 2000 .* enlarged to 736 x 12256 .* `limit: max`"):
        detector_size(frame(2000, 120), limit="min", limit_side=736)
