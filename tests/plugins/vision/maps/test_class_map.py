from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout_vision.maps import class_map as class_maps
from turnout_vision.maps.class_map import class_shares, compute_class_map
from turnout_vision.maps.class_planes import LogitPlanes, QueryPlanes
from turnout_vision.maps.class_share import ClassShare
from turnout_vision.preprocess import ImagePreprocessor
from turnout_vision.preprocess.frame import Frame
from turnout_vision.preprocess.geometry import Canvas, CenterCrop, Operation, Resize
from turnout_vision.preprocess.sizes import ExactSize, LargestInside, ShortestEdge
from turnout_vision.preprocess.values import Scaling

RNG = np.random.default_rng(3)


def smooth(classes: int, side: int, factor: int = 8) -> NDArray[np.float32]:
    """Return logits whose best class has large areas."""
    return np.kron(RNG.normal(size=(classes, side // factor, side // factor)), np.ones((factor, factor))).astype(np.float32)


def frame_of(height: int, width: int, *geometry: Operation) -> Frame:
    return ImagePreprocessor(geometry, Scaling(1 / 255)).frame(height, width)


def brute_force(logits: NDArray[np.float32], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[Any]:
    """Return the best classes at the positions, computed in FP64 without any part left out."""

    def weights(positions: NDArray[Any], size: int) -> NDArray[np.float64]:
        places = np.clip(positions, 0, size - 1)
        distances = np.abs(places[:, np.newaxis] - np.arange(size))
        return np.clip(1 - distances, 0, None)

    scores = weights(rows, logits.shape[1]) @ logits.astype(np.float64) @ weights(columns, logits.shape[2]).T
    return scores.argmax(axis=0)


@pytest.mark.parametrize("size", [(150, 700), (700, 150), (33, 47), (5, 1)])
@pytest.mark.parametrize("kind", ["smooth", "noise"])
def test_the_classes_that_are_left_out_are_the_best_nowhere(size: tuple[int, int], kind: str) -> None:
    logits = smooth(12, 24) if kind == "smooth" else RNG.normal(size=(12, 24, 24)).astype(np.float32)
    height, width = size

    class_map = compute_class_map(LogitPlanes(logits), Frame(*size).resized(96, 96), *size)

    rows, columns = ((np.arange(count) + 0.5) * 24 / count - 0.5 for count in (height, width))
    assert (class_map != brute_force(logits, rows, columns)).mean() < 1e-4


def test_a_class_that_is_left_out_wrongly_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = smooth(12, 24)
    monkeypatch.setattr(class_maps, "_possible_classes", lambda scores: scores[:, 0, 0].argsort()[-3:].tolist())

    class_map = compute_class_map(LogitPlanes(logits), Frame(150, 150).resized(96, 96), 150, 150)

    rows = (np.arange(150) + 0.5) * 24 / 150 - 0.5
    assert (class_map != brute_force(logits, rows, rows)).mean() > 0.01


def test_few_classes_are_possible_where_the_model_is_sure() -> None:
    assert len(class_maps._possible_classes(smooth(150, 64)[:, :3, :3])) < 20


def test_what_a_crop_cut_off_has_no_class() -> None:
    logits = RNG.normal(size=(5, 16, 16)).astype(np.float32)
    frame = frame_of(60, 100, Resize(ShortestEdge(32), 2), CenterCrop(32, 32))

    class_map = compute_class_map(LogitPlanes(logits), frame, 60, 100)

    # 100 pixels become 53; the middle 32 of them are 60 pixels from 19 or 20 on.
    seen = (class_map >= 0).any(axis=0)
    assert seen.sum() == 60
    assert (class_map[:, seen] >= 0).all()
    whole = compute_class_map(LogitPlanes(logits), Frame(60, 60).resized(32, 32), 60, 60)
    assert (class_map[:, seen] == whole).mean() > 0.97


@pytest.mark.parametrize("centered", [True, False])
def test_the_padding_of_a_letterbox_is_not_a_part_of_the_map(centered: bool) -> None:
    # The upper half of the picture is class 1, and the padding is class 2.
    frame = frame_of(50, 100, Resize(LargestInside(64, 64), 2), Canvas(64, 64, centered=centered))
    top = 16 if centered else 0
    logits = np.zeros((3, 64, 64), np.float32)
    logits[2] = 9
    logits[2, top : top + 32] = -9
    logits[1, top : top + 16], logits[0, top + 16 : top + 32] = 9, 9

    class_map = compute_class_map(LogitPlanes(logits), frame, 50, 100)

    assert (class_map[:25] == 1).all()
    assert (class_map[25:] == 0).all()


def test_memory_does_not_grow_with_the_classes() -> None:
    height, width = 600, 900
    few, many = (smooth(classes, 128) for classes in (2, 200))

    def peak(logits: NDArray[np.float32]) -> int:
        tracemalloc.start()
        try:
            compute_class_map(LogitPlanes(logits), Frame(height, width).resized(512, 512), height, width)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    result = height * width * 4
    assert peak(few) < result + 8_000_000
    # All classes of the whole picture have 432 MB.
    assert peak(many) < result + 16_000_000


def test_queries_of_a_class_and_a_mask_color_their_mask() -> None:
    classes = np.full((3, 5), -20, np.float32)
    masks = np.full((3, 8, 8), -20, np.float32)
    classes[0, 3], classes[1, 1], classes[2, 4] = 20, 20, 20  # the last class is none
    masks[0, :4], masks[1, 4:], masks[2] = 20, 20, 20

    class_map = compute_class_map(QueryPlanes(classes, masks), Frame(16, 16), 16, 16)

    assert (class_map[:7] == 3).all()
    assert (class_map[9:] == 1).all()


def test_shares_are_sorted_and_sum_up_to_the_pixels_with_a_class() -> None:
    class_map = np.array([[-1, 2, 2], [0, 2, 0]], np.int32)

    assert class_shares(class_map, ("sky", "sea")) == [ClassShare(2, "LABEL_2", 3 / 6), ClassShare(0, "sky", 2 / 6)]
    assert class_shares(np.full((3, 3), -1, np.int32), ()) == []


def test_a_resize_to_the_very_size_changes_nothing() -> None:
    logits = RNG.normal(size=(5, 16, 24)).astype(np.float32)

    class_map = compute_class_map(LogitPlanes(logits), frame_of(16, 24, Resize(ExactSize(64, 64), 2)), 16, 24)

    np.testing.assert_array_equal(class_map, logits.argmax(axis=0))
