"""The heads of DETR and its relatives against transformers' own post-processing; in the environment with torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceResponse
from turnout_vision.detectors.classes import DetectorClasses
from turnout_vision.detectors.heads import detr, known
from turnout_vision.detectors.heads.head import Head
from turnout_vision.detectors.reading import DetectionReader
from turnout_vision.preprocess.frame import Frame

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PICTURE = (375, 500)
PROCESSORS = {
    "DetrImageProcessorPil": "detr",
    "YolosImageProcessorPil": "detr",
    "ConditionalDetrImageProcessorPil": "deformable_detr",
    "DeformableDetrImageProcessorPil": "deformable_detr",
    "RTDetrImageProcessorPil": "rt_detr",
}


def outputs(queries: int, classes: int, seed: int) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    # Some boxes extend beyond the picture. Logits beyond 15 would all have the score 1 in FP32, and no order.
    logits = random.normal(scale=2, size=(1, queries, classes))
    centers, sides = random.random((1, queries, 2)), random.random((1, queries, 2)) * 0.8
    return {
        "logits": logits.astype(np.float32),
        "pred_boxes": np.concatenate([centers, sides], axis=2).astype(np.float32),
    }


def read(values: dict[str, NDArray[np.float32]], head: Head, threshold: float, size: tuple[int, int]) -> Any:
    reader = DetectionReader("m", head, DetectorClasses("m", (), given=False, kept=None), threshold, 1000)
    frame = Frame(*PICTURE).resized(*size)
    return reader.read(InferenceResponse(dict(values)), frame, PICTURE)


def theirs(processor: str, values: dict[str, NDArray[np.float32]], threshold: float) -> dict[str, NDArray[Any]]:
    """Return what transformers finds, best first."""
    tensors = SimpleNamespace(**{name: torch.from_numpy(value) for name, value in values.items()})
    (found,) = getattr(transformers, processor)().post_process_object_detection(tensors, threshold, [PICTURE])
    order = torch.argsort(found["scores"], descending=True, stable=True)
    return {name: value[order].numpy() for name, value in found.items()}


def assert_equal(found: Any, expected: dict[str, NDArray[Any]]) -> None:
    assert len(found) == len(expected["scores"])
    assert found.scores == pytest.approx(expected["scores"], abs=1e-4)
    assert found.boxes == pytest.approx(expected["boxes"], abs=1e-4, rel=1e-4)
    assert found.classes.tolist() == expected["labels"].tolist()


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize(("queries", "classes"), [(100, 92), (300, 80), (40, 2), (7, 5)])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9])
def test_the_boxes_are_those_of_transformers(processor: str, queries: int, classes: int, threshold: float) -> None:
    values = outputs(queries, classes, seed=queries + classes)

    # Whatever the size of the model's input: fractions of the picture do not depend on it.
    found = read(values, known.HEADS[PROCESSORS[processor]], threshold, (800, 1066))

    assert_equal(found, theirs(processor, values, threshold))


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_head_of_another_family_is_detected(processor: str) -> None:
    values, expected = outputs(300, 80, seed=1), theirs(processor, outputs(300, 80, seed=1), 0.5)

    for name in {"detr", "deformable_detr", "rt_detr"} - {PROCESSORS[processor]}:
        with pytest.raises(AssertionError):
            assert_equal(read(values, known.HEADS[name], 0.5, PICTURE), expected)


def test_boxes_without_their_aspect_ratio_are_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    values = outputs(100, 92, seed=2)
    monkeypatch.setattr(detr, "from_centers", lambda boxes: detr.np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1))

    with pytest.raises(AssertionError):
        assert_equal(read(values, known.HEADS["detr"], 0.5, PICTURE), theirs("DetrImageProcessorPil", values, 0.5))


def test_a_score_that_is_the_threshold_is_dropped_as_by_transformers() -> None:
    values = outputs(3, 2, seed=3)
    values["logits"][:] = [0, 0]

    assert (
        len(read(values, known.HEADS["detr"], 0.5, PICTURE)) == len(theirs("DetrImageProcessorPil", values, 0.5)["scores"]) == 0
    )
