"""Regions of text on maps of any kind are those of rapidocr's own code."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rapidocr_onnxruntime.ch_ppocr_det.utils import DBPostProcess
from rapidocr_onnxruntime.main import RapidOCR

from turnout_vision.text_reading.polygons import reading_order
from turnout_vision.text_reading.text_map import TextMapReader

Rectangle = tuple[float, float, float, float, float, float]


def draw(rectangles: list[Rectangle], seed: int, noise: float) -> NDArray[np.float32]:
    """Return a map with rectangles of a center, a size, an angle and a probability, and some noise."""
    values = np.zeros((160, 224), np.float32)
    for x, y, width, height, degrees, probability in rectangles:
        cv2.fillPoly(values, [cv2.boxPoints(((x, y), (width, height), degrees)).astype(np.int32)], probability)
    values += np.random.default_rng(seed).normal(0, noise, values.shape).astype(np.float32)
    return np.clip(values, 0, 1)


def theirs(reader: Any, values: NDArray[np.float32], height: int, width: int, *, dilate: bool) -> list[list[list[float]]]:
    boxes, _ = DBPostProcess(0.3, 0.5, 1000, 1.6, "fast", use_dilation=dilate)(values[None, None], (height, width))
    boxes = reader.text_det.filter_tag_det_res(boxes, (height, width))
    return [box.tolist() for box in reader.sorted_boxes(boxes)] if len(boxes) else []


def ours(values: NDArray[np.float32], height: int, width: int, *, dilate: bool) -> list[list[list[float]]]:
    polygons, _, _ = TextMapReader(0.3, 0.5, 1.6, dilate, 1000).read(values, height, width)
    return [polygons[index].tolist() for index in reading_order(polygons)]


rectangle = st.tuples(
    st.floats(-10, 234), st.floats(-10, 170), st.floats(1, 200), st.floats(1, 80), st.floats(-90, 90), st.floats(0.2, 1)
)


@given(
    rectangles=st.lists(rectangle, max_size=8),
    seed=st.integers(0, 99),
    noise=st.sampled_from([0.0, 0.02, 0.2]),
    size=st.sampled_from([(160, 224), (500, 301), (37, 1000)]),
    dilate=st.booleans(),
)
@settings(max_examples=60)
def test_regions_are_those_of_rapidocr(
    rapidocr: Any, rectangles: list[Rectangle], seed: int, noise: float, size: tuple[int, int], *, dilate: bool
) -> None:
    values = draw(rectangles, seed, noise)

    assert ours(values, *size, dilate=dilate) == theirs(rapidocr, values, *size, dilate=dilate)


@pytest.mark.parametrize("ratio", [1.4, 1.8])
def test_another_ratio_is_a_difference(rapidocr: RapidOCR, ratio: float) -> None:
    values = draw([(112, 80, 120, 20, 7, 0.9)], 0, 0.0)
    found, _, _ = TextMapReader(0.3, 0.5, ratio, False, 1000).read(values, 1600, 2240)

    assert [polygon.tolist() for polygon in found] != theirs(rapidocr, values, 1600, 2240, dilate=False)
