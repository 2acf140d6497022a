from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.errors import InferenceError
from turnout_vision.text_reading.text_map import TextMapReader, read_map

cv2 = pytest.importorskip("cv2")
pytest.importorskip("pyclipper")

Box = tuple[int, int, int, int]


def reader(**changes: object) -> TextMapReader:
    options = {"threshold": 0.3, "box_threshold": 0.5, "unclip_ratio": 1.6, "dilate": False, "most": 1000, **changes}
    return TextMapReader(**options)  # type: ignore[arg-type]


def text_map(*boxes: Box, probability: float = 0.9) -> NDArray[np.float32]:
    values = np.zeros((128, 256), np.float32)
    for left, top, right, bottom in boxes:
        values[top : bottom + 1, left : right + 1] = probability
    return values


def test_a_region_is_grown_by_its_area_times_the_ratio_over_its_perimeter() -> None:
    (polygon,), (score,), _ = reader().read(text_map((40, 50, 140, 70)), 128, 256)

    distance = 100 * 20 * 1.6 / (2 * (100 + 20))
    expected = [[40 - distance, 50 - distance], [140 + distance, 50 - distance], [140 + distance, 70 + distance]]
    assert polygon[:3] == pytest.approx(np.array(expected), abs=1)
    assert polygon.dtype == np.float32
    assert score == pytest.approx(0.9, abs=1e-6)


def test_regions_are_in_pixels_of_the_frame() -> None:
    values = text_map((40, 50, 140, 70))

    (small,), _, _ = reader().read(values, 128, 256)
    (large,), _, _ = reader().read(values, 256, 768)

    assert large == pytest.approx(small * [3, 2], abs=3)


def test_a_tilted_line_has_its_corners_in_order() -> None:
    values = np.zeros((128, 256), np.float32)
    cv2.fillPoly(values, [cv2.boxPoints(((128, 64), (120, 20), 15)).astype(np.int32)], 0.9)

    (polygon,), _, _ = reader().read(values, 128, 256)

    top_left, top_right, bottom_right, bottom_left = polygon
    across, down = top_right - top_left, bottom_left - top_left
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(15, abs=2)
    assert abs(across @ down) < 0.05 * np.linalg.norm(across) * np.linalg.norm(down)
    assert bottom_right == pytest.approx(top_right + down, abs=2)


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        (text_map(), {}),
        (text_map((40, 50, 42, 52)), {}),
        (text_map((40, 50, 140, 70), probability=0.45), {}),
        (text_map((40, 50, 140, 70), probability=0.9), {"threshold": 0.95}),
    ],
    ids=["nothing", "noise", "unsure", "below the threshold"],
)
def test_what_is_no_text_is_left_out(values: NDArray[np.float32], changes: dict[str, object]) -> None:
    assert reader(**changes).read(values, 128, 256)[0] == []


def test_pixels_next_to_each_other_are_joined() -> None:
    dashes = text_map(*[(left, 50, left + 8, 70) for left in range(40, 140, 10)])

    assert len(reader().read(dashes, 128, 256)[0]) == 10
    assert len(reader(dilate=True).read(dashes, 128, 256)[0]) == 1


def test_so_many_areas_are_looked_at_and_all_are_counted() -> None:
    boxes = [(left, top, left + 20, top + 10) for left in range(10, 240, 40) for top in range(10, 120, 30)]

    polygons, scores, areas = reader(most=5).read(text_map(*boxes), 128, 256)

    assert (len(polygons), len(scores), areas) == (5, 5, len(boxes))


def test_a_region_at_the_edge_stays_in_the_frame() -> None:
    (polygon,), _, _ = reader().read(text_map((0, 0, 255, 127)), 128, 256)

    assert polygon.tolist() == [[0, 0], [255, 0], [255, 127], [0, 127]]


@pytest.mark.parametrize("shape", [(1, 2, 64, 64), (2, 1, 64, 64), (1, 64, 64), (1, 1, 0, 64)])
def test_an_output_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InferenceError, match=r"the output of model 'detector' is .* not \[1, 1, height, width\]"):
        read_map(np.zeros(shape, np.float32), "detector")


@pytest.mark.parametrize("value", [np.nan, -np.inf, 5.0, -4.0])
def test_what_is_no_probability_is_refused(value: float) -> None:
    output = np.full((1, 1, 64, 64), 0.5, np.float32)
    output[0, 0, 5, 5] = value

    with pytest.raises(InferenceError, match="has values from"):
        read_map(output, "detector")

    assert read_map(np.full((1, 1, 64, 64), 0.5, np.float32), "detector").shape == (64, 64)
