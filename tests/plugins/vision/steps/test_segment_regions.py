from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineContext, PipelineStep, StepDeclaration
from turnout.errors import ConfigurationError, InferenceError, InvalidInputError
from turnout_vision.factories import create_load_image, create_segment_regions
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.prepare import PrepareOptions
from turnout_vision.options.segment_regions import SegmentRegionsOptions
from turnout_vision.regions.region import Region
from turnout_vision.steps.segment_regions import SegmentRegions

Boxes = dict[str, tuple[int, int, int, int]]


def steps(declaration: StepDeclaration, **options: Any) -> dict[str, PipelineStep]:
    return {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "segment_regions": create_segment_regions(declaration, SegmentRegionsOptions(model="segmenter", **options)),
    }


def overlap(mask: NDArray[np.bool_] | None, box: Sequence[int]) -> float:
    """Return the intersection over union of ``mask`` and ``box``."""
    assert mask is not None
    truth = np.zeros_like(mask)
    truth[box[1] : box[3], box[0] : box[2]] = True
    return float((mask & truth).sum() / (mask | truth).sum())


def test_each_region_has_its_own_mask_in_the_picture(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, segmenter: Any
) -> None:
    result = run(steps(declaration), {"segmenter": segmenter()}, image=scene, regions=list(boxes.values()))

    assert [mask.shape for mask in result["masks"]] == [(110, 120)] * 4
    assert {mask.dtype for mask in result["masks"]} == {np.dtype(bool)}
    assert min(overlap(mask, box) for mask, box in zip(result["masks"], boxes.values(), strict=True)) > 0.85
    assert not result.failures


def test_responses_in_another_order_are_detected(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, segmenter: Any
) -> None:
    class MixedUp(SegmentRegions):
        def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
            super().postprocess(context, [*responses[1:], responses[0]])

    planted = {**steps(declaration), "segment_regions": MixedUp(declaration, SegmentRegionsOptions(model="segmenter"))}
    halves = [(0, 6, 34, 46), (34, 6, 68, 46)]

    right = run(steps(declaration, margin=0), {"segmenter": segmenter()}, image=scene, regions=halves)
    wrong = run(planted, {"segmenter": segmenter()}, image=scene, regions=halves)

    assert right["masks"][0].sum() > 2 * right["masks"][1].sum()
    assert wrong["masks"][0].sum() < wrong["masks"][1].sum()


def test_a_failed_region_is_reported_and_the_others_have_masks(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, segmenter: Any
) -> None:
    regions = [*boxes.values(), [7, 7, 7, 7]]

    result = run(steps(declaration), {"segmenter": segmenter("green")}, image=scene, regions=regions)

    assert [mask is None for mask in result["masks"]] == [False, True, False, False, True]
    assert {(failure.step, failure.index, type(failure.error)) for failure in result.failures} == {
        ("segment_regions", 1, InferenceError),
        ("load_image", 4, InvalidInputError),
    }
    assert overlap(result["masks"][2], boxes["blue"]) > 0.85


def test_a_run_with_only_failed_regions_still_returns(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], segmenter: Any
) -> None:
    result = run(steps(declaration), {"segmenter": segmenter()}, image=scene, regions=[[7, 7, 7, 7]])

    assert result["masks"] == [None]


def test_the_model_sees_a_margin_around_the_box(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], segmenter: Any
) -> None:
    model = segmenter()

    run(steps(declaration, margin=0.5), {"segmenter": model}, image=scene, regions=[[60, 10, 90, 40]])

    pixels = model.received[0]["pixel_values"][0]
    assert pixels.min() < pixels[:, 0, 0].max()
    assert (pixels[:, 0, 0] > 1.5).all()


def test_without_settings_a_segmenter_gets_the_preprocessing_of_birefnet(
    run: Any, scene: NDArray[np.uint8], tmp_path: Path
) -> None:
    class Size(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            assert request.inputs["image"].shape == (1, 3, 1024, 1024)
            return InferenceResponse({"a": np.zeros((1, 1, 4, 4), np.float32), "b": np.ones((1, 1, 256, 256), np.float32)})

    declaration = StepDeclaration("s", "p", tmp_path, {"segmenter": {"onnxruntime": {"path": "model.onnx"}}})

    result = run(steps(declaration, input="image", output="b"), {"segmenter": Size()}, image=scene, regions=[[0, 0, 30, 30]])

    assert result["masks"][0].sum() == 33 * 33


def test_the_size_may_be_chosen(run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8]) -> None:
    class Size(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            assert request.inputs["pixel_values"].shape == (1, 3, 40, 56)
            return InferenceResponse({"logits": np.zeros((1, 1, 40, 56), np.float32)})

    assert not run(steps(declaration, size=(40, 56)), {"segmenter": Size()}, image=scene).failures


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"a": np.zeros((1, 1, 4, 4), np.float32), "b": np.zeros(1)}, "has the outputs a, b; write `output:`"),
        ({}, "has the outputs none"),
        ({"a": np.zeros((1, 7), np.float32)}, r"must be FP32 \[1, 1, height, width\], got FP32 \[1, 7\]"),
    ],
)
def test_a_model_that_is_not_a_segmenter_is_reported(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], outputs: dict[str, Any], message: str
) -> None:
    class Other(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return InferenceResponse(outputs)

    result = run(steps(declaration), {"segmenter": Other()}, image=scene)

    assert result["masks"] == [None]
    with pytest.raises(InferenceError, match=message):
        raise result.failures[0].error


def test_boxes_of_a_detector_step_are_accepted_in_any_form(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, segmenter: Any
) -> None:
    class Detector(PipelineStep):
        needs = ("picture",)
        provides = ("regions",)

        def process(self, context: PipelineContext) -> None:
            context["regions"] = [{"box": np.array(boxes["blue"])}, [np.nan, 0, 1, 1], Region(0, 0, 5, 5), None]

    created = steps(declaration)
    ordered = {"load_image": created["load_image"], "detect": Detector(), "segment_regions": created["segment_regions"]}

    result = run(ordered, {"segmenter": segmenter()}, image=scene)

    assert [mask is None for mask in result["masks"]] == [False, True, False, True]
    assert overlap(result["masks"][0], boxes["blue"]) > 0.85
    assert sorted((failure.step, failure.index) for failure in result.failures) == [
        ("segment_regions", 1),
        ("segment_regions", 3),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"do_center_crop": True, "crop_size": {"height": 20, "width": 20}},
        {"do_pad": True, "pad_size": {"height": 40, "width": 40}},
    ],
)
def test_a_processor_that_crops_or_pads_is_refused_unless_the_step_gives_a_size(
    run: Any,
    declaration: StepDeclaration,
    scene: NDArray[np.uint8],
    segmenter: Any,
    tmp_path: Path,
    write: Any,
    preprocessor_config: Any,
    changes: dict[str, Any],
) -> None:
    write(tmp_path / "preprocessor_config.json", preprocessor_config(**changes))

    with pytest.raises(ConfigurationError, match=r"crops, pads or turns its pictures, .* write `size: \[H, W\]`"):
        run(steps(declaration, processor=str(tmp_path)), {"segmenter": segmenter()}, image=scene)
    result = run(steps(declaration, processor=str(tmp_path), size=(24, 24)), {"segmenter": segmenter()}, image=scene)

    assert not result.failures


def test_the_preprocessing_may_be_written_in_the_step(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], segmenter: Any
) -> None:
    seen: list[NDArray[np.float32]] = []

    class Seen(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            seen.append(request.inputs["pixel_values"])
            return InferenceResponse({"logits": np.zeros((1, 1, 4, 4), np.float32)})

    run(
        steps(declaration, prepare=PrepareOptions(size=(20, 30), scale=1.0, order="BGR"), margin=0),
        {"segmenter": Seen()},
        image=scene,
    )

    assert seen[0].shape == (1, 3, 20, 30)
    assert seen[0].max() > 200


@pytest.mark.parametrize(("threshold", "rows"), [(0.3, 24), (0.5, 16), (0.7, 8), (0.95, 0)])
def test_a_model_may_end_with_a_sigmoid(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], threshold: float, rows: int
) -> None:
    class Probabilities(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            shares = np.repeat([0.1, 0.4, 0.6, 0.8], 8).astype(np.float32)
            return InferenceResponse({"probabilities": np.broadcast_to(shares[:, np.newaxis], (1, 1, 32, 32))})

    options = {"values": "probabilities", "threshold": threshold, "margin": 0}

    result = run(steps(declaration, **options), {"segmenter": Probabilities()}, image=scene, regions=[[0, 0, 32, 32]])

    assert result["masks"][0].sum() == rows * 32
