from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineStep, StepDeclaration
from turnout.errors import ConfigurationError, InferenceError
from turnout_vision.factories import create_estimate_depth, create_load_image, create_segment
from turnout_vision.maps.class_share import ClassShare
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.maps import EstimateDepthOptions, SegmentOptions

NONE = np.full((1, 3, 4, 4), np.nan, np.float32)
PREPARE = {"size": [24, 24]}


class Answers(ModelInference):
    """Answers every request with the same outputs, and records the requests."""

    def __init__(self, **outputs: NDArray[Any]) -> None:
        self.outputs = outputs
        self.received: list[InferenceRequest] = []

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        self.received.append(request)
        return InferenceResponse(self.outputs)


@pytest.fixture
def bare(tmp_path: Path) -> StepDeclaration:
    """Return the declaration of a step whose model is a bare ONNX file."""
    return StepDeclaration("step", "look", tmp_path, {"model": {"onnxruntime": {"path": "model.onnx"}}})


def steps(declaration: StepDeclaration, **options: Any) -> dict[str, PipelineStep]:
    chosen = SegmentOptions(**{"model": "model", "prepare": PREPARE, **options})
    return {"load_image": create_load_image(declaration, LoadImageOptions()), "segment": create_segment(declaration, chosen)}


def depth_steps(declaration: StepDeclaration, **options: Any) -> dict[str, PipelineStep]:
    chosen = EstimateDepthOptions(**{"model": "model", "prepare": PREPARE, **options})
    return {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "estimate_depth": create_estimate_depth(declaration, chosen),
    }


def halves() -> NDArray[np.float32]:
    logits = np.zeros((1, 3, 2, 2), np.float32)
    logits[0, 2, 0], logits[0, 1, 1] = 5, 5
    return logits


def test_every_pixel_has_a_class_and_every_class_a_share(run: Any, bare: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    model = Answers(logits=halves(), aux=np.zeros((1, 7), np.float32))

    result = run(steps(bare, labels=["floor", "sea", "sky"]), {"model": model}, image=scene)

    assert (result["class_map"].shape, result["class_map"].dtype) == ((110, 120), np.dtype(np.int32))
    assert (result["class_map"][:55] == 2).all()
    assert result["classes"] == [ClassShare(1, "sea", 0.5), ClassShare(2, "sky", 0.5)]
    assert model.received[0].inputs["pixel_values"].shape == (1, 3, 24, 24)


def test_labels_come_from_the_checkpoint(
    run: Any, scene: NDArray[np.uint8], tmp_path: Path, write: Any, preprocessor_config: Any
) -> None:
    write(tmp_path / "config.json", {"id2label": {"0": "floor", "1": "sea", "2": "sky"}})
    write(tmp_path / "preprocessor_config.json", preprocessor_config())
    declaration = StepDeclaration("step", "look", tmp_path, {"model": {"direct": {"checkpoint": "."}}})

    result = run(steps(declaration, prepare=None), {"model": Answers(logits=halves())}, image=scene)

    assert [each.label for each in result["classes"]] == ["sea", "sky"]


def test_queries_are_found_by_their_names(run: Any, bare: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    classes = np.full((1, 2, 4), -20, np.float32)
    masks = np.full((1, 2, 8, 8), -20, np.float32)
    classes[0, 0, 2], classes[0, 1, 0], masks[0, 0, :4], masks[0, 1, 4:] = 20, 20, 20, 20
    model = Answers(class_queries_logits=classes, masks_queries_logits=masks, other=np.zeros(3, np.float32))
    renamed = Answers(a=classes, b=masks)

    result = run(steps(bare), {"model": model}, image=scene)
    again = run(steps(bare, class_output="a", mask_output="b"), {"model": renamed}, image=scene)

    assert [each.label for each in result["classes"]] == ["LABEL_0", "LABEL_2"]
    np.testing.assert_array_equal(result["class_map"], again["class_map"])


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"a": halves(), "b": halves()}, "has the outputs a, b; write `output:` to choose the one with the logits"),
        ({}, "has the outputs none"),
        ({"logits": np.zeros((1, 7), np.float32)}, r"must be FP32 \[1, classes, h, w\], got FP32 \[1, 7\]; is it a segmenter"),
        ({"logits": np.zeros((2, 3, 4, 4), np.float32)}, r"got FP32 \[2, 3, 4, 4\]"),
        ({"logits": np.zeros((1, 3, 0, 4), np.float32)}, r"got FP32 \[1, 3, 0, 4\]"),
        ({"logits": np.zeros((1, 1, 4, 4), np.float32)}, "one class alone; the step segment_regions makes masks"),
        ({"logits": np.zeros((1, 3, 4, 4), np.int64)}, r"is INT64 \[1, 3, 4, 4\], and the logits are floating-point numbers"),
        ({"logits": NONE}, "contain NaN; check the model's precision"),
        (
            {"class_queries_logits": NONE[0], "masks_queries_logits": NONE},
            r"the classes of its queries as .* got FP32 \[3, 4, 4\]",
        ),
        (
            {
                "class_queries_logits": np.zeros((1, 2, 1), np.float32),
                "masks_queries_logits": np.zeros((1, 2, 4, 4), np.float32),
            },
            r"got FP32 \[1, 2, 1\] and FP32 \[1, 2, 4, 4\]",
        ),
        (
            {"class_queries_logits": np.zeros((1, 3, 4), np.float32), "masks_queries_logits": NONE},
            "queries of model .* contain NaN",
        ),
    ],
)
def test_a_model_that_is_not_a_segmenter_is_reported(
    run: Any, bare: StepDeclaration, scene: NDArray[np.uint8], outputs: dict[str, Any], message: str
) -> None:
    created = steps(bare)

    result = run(created, {"model": Answers(**outputs)}, image=scene)

    assert (result["class_map"], result["classes"]) == (None, None)
    with pytest.raises(InferenceError, match=message):
        raise result.failures[0].error
    assert not run(created, {"model": Answers(logits=halves())}, image=scene).failures


def test_other_numbers_of_labels_are_reported(run: Any, bare: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    result = run(steps(bare, labels=["sky"]), {"model": Answers(logits=halves())}, image=scene)

    with pytest.raises(InferenceError, match="has 3 classes, and `labels:` has 1 names; write `labels:` with one a class"):
        raise result.failures[0].error


def test_infinite_logits_are_classes_without_a_chance(run: Any, bare: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    logits = halves()
    logits[0, 0] = -np.inf

    result = run(steps(bare), {"model": Answers(logits=logits)}, image=scene)

    assert [each.index for each in result["classes"]] == [1, 2]


def test_without_a_checkpoint_the_step_asks_how_to_prepare_pictures(bare: StepDeclaration) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot prepare pictures: .* `prepare:"):
        steps(bare, prepare=None)
    with pytest.raises(ConfigurationError, match=r"cannot prepare pictures: .* `prepare:"):
        depth_steps(bare, prepare=None)


def test_every_pixel_has_a_depth(run: Any, bare: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    near_to_far = np.linspace(1, 4, 24, dtype=np.float32)[np.newaxis, :, np.newaxis].repeat(24, axis=2)

    result = run(depth_steps(bare), {"model": Answers(predicted_depth=near_to_far)}, image=scene)
    same = run(depth_steps(bare), {"model": Answers(any_name=near_to_far[:, np.newaxis])}, image=scene)

    assert (result["depth"].shape, result["depth"].dtype) == ((110, 120), np.dtype(np.float32))
    assert (np.diff(result["depth"][:, 5]) > 0).mean() > 0.95
    np.testing.assert_array_equal(result["depth"], same["depth"])


def test_a_crop_leaves_pixels_without_a_depth(run: Any, bare: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    prepare = {"shortest_edge": 24, "crop": [12, 24]}

    result = run(depth_steps(bare, prepare=prepare), {"model": Answers(d=np.ones((1, 6, 12), np.float32))}, image=scene)

    known = np.isfinite(result["depth"])
    assert known.any()
    assert not known[0].any()
    np.testing.assert_allclose(result["depth"][known], 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"a": np.zeros((1, 4, 4), np.float32), "b": np.zeros(1, np.float32)}, "has the outputs a, b; write `output:`"),
        (
            {"predicted_depth": np.zeros((1, 7), np.float32)},
            r"must be FP32 \[1, h, w\], got FP32 \[1, 7\]; is it a depth estimator",
        ),
        ({"predicted_depth": np.zeros((2, 4, 4), np.float32)}, r"got FP32 \[2, 4, 4\]"),
        ({"predicted_depth": np.zeros((1, 3, 4, 4), np.float32)}, r"got FP32 \[1, 3, 4, 4\]"),
        ({"predicted_depth": np.zeros((1, 0, 4), np.float32)}, r"got FP32 \[1, 0, 4\]"),
        ({"predicted_depth": np.full((1, 4, 4), np.inf, np.float32)}, "contains NaN or infinity"),
        ({"predicted_depth": np.zeros((1, 4, 4), np.int32)}, r"is INT32 \[1, 4, 4\]"),
        ({"predicted_depth": np.ones((1, 4, 4), np.float32), "field_of_view": np.zeros(0, np.float32)}, r"must be FP32 \[1\]"),
        (
            {"predicted_depth": np.ones((1, 4, 4), np.float32), "field_of_view": np.full(1, 200, np.float32)},
            "is 200 degrees, not between",
        ),
    ],
)
def test_a_model_that_is_not_a_depth_estimator_is_reported(
    run: Any, bare: StepDeclaration, scene: NDArray[np.uint8], outputs: dict[str, Any], message: str
) -> None:
    created = depth_steps(bare)

    result = run(created, {"model": Answers(**outputs)}, image=scene)

    assert result["depth"] is None
    with pytest.raises(InferenceError, match=message):
        raise result.failures[0].error
    assert not run(created, {"model": Answers(predicted_depth=np.ones((1, 4, 4), np.float32))}, image=scene).failures


def test_a_failed_request_is_reported_with_its_own_error(run: Any, bare: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    class Broken(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            raise InferenceError("out of memory, sorry")

    for created in (steps(bare), depth_steps(bare)):
        with pytest.raises(Exception, match="out of memory, sorry"):
            run(created, {"model": Broken()}, image=scene).raise_for_failures()
