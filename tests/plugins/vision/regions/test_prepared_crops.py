from __future__ import annotations

import gc
import weakref
from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceRequest, PipelineContext, PipelineStep, StepDeclaration
from turnout_vision.factories import create_answer, create_caption, create_load_image, create_segment_regions
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.segment_regions import SegmentRegionsOptions
from turnout_vision.options.texts import AnswerOptions, CaptionOptions
from turnout_vision.preprocess import BIREFNET, ImagePreprocessor
from turnout_vision.regions import prepared_crops
from turnout_vision.regions.prepared_crops import PreparedCrops
from turnout_vision.regions.region import Region, crop

Boxes = dict[str, tuple[int, int, int, int]]
SMALL = BIREFNET.with_size((20, 30))
WHOLE = Region(0, 0, 9, 9)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[int, ...]]:
    """Return a counter of the crops that a preprocessor works on, by their shape."""
    counts: Counter[tuple[int, ...]] = Counter()
    real = ImagePreprocessor.pixel_values

    def count(self: ImagePreprocessor, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        counts[pixels.shape] += 1
        return real(self, pixels)

    monkeypatch.setattr(ImagePreprocessor, "pixel_values", count)
    return counts


def describe(declaration: StepDeclaration, *, caption: float, answer: float) -> dict[str, PipelineStep]:
    """Return the steps of a pipeline whose image processors are equal, with the margins of two of them."""
    return {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "segment": create_segment_regions(declaration, SegmentRegionsOptions(model="segmenter", margin=0.5)),
        "caption": create_caption(declaration, CaptionOptions(model="captioner", margin=caption)),
        "answer": create_answer(declaration, AnswerOptions(model="answerer", margin=answer, question="what is it?")),
    }


@pytest.fixture
def models(color_model: Any, segmenter: Any) -> dict[str, Any]:
    return {"captioner": color_model(echoes=True), "answerer": color_model(echoes=False), "segmenter": segmenter()}


def test_steps_with_equal_processors_and_margins_prepare_each_crop_once(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, models: Any, prepared: Counter[Any]
) -> None:
    steps = describe(declaration, caption=0, answer=0)

    result = run(steps, models, image=scene, regions=[boxes["red"], boxes["green"], boxes["blue"]])

    assert result["captions"] == ["red box", "green box", "blue box"]
    assert result["answers"] == ["red box", "green box", "blue box"]
    # Three crops for the segmenter, three for both of the others.
    assert prepared.total() == 6


def test_another_margin_is_another_crop(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, models: Any, prepared: Counter[Any]
) -> None:
    run(describe(declaration, caption=0, answer=0.1), models, image=scene, regions=[boxes["red"]])

    assert prepared.total() == 3


def test_prepared_crops_are_those_of_the_preprocessor(scene: NDArray[np.uint8]) -> None:
    region, crops = Region(3, 4, 80, 70), PreparedCrops()

    for _ in range(2):
        np.testing.assert_array_equal(
            crops.pixel_values(scene, region, SMALL), SMALL.pixel_values(crop(scene, region)), strict=True
        )


def test_another_picture_region_or_preprocessor_is_prepared_anew(scene: NDArray[np.uint8], prepared: Counter[Any]) -> None:
    crops, other = PreparedCrops(), scene.copy()

    for _ in range(2):
        crops.pixel_values(scene, WHOLE, SMALL)
        crops.pixel_values(other, WHOLE, SMALL)
        crops.pixel_values(scene, Region(0, 0, 9, 10), SMALL)
        crops.pixel_values(scene, WHOLE, BIREFNET.with_size((20, 31)))
        crops.pixel_values(scene, Region(0, 0, 9, 9, "a label"), SMALL)

    assert prepared.total() == 4


def test_what_is_beyond_the_limit_is_prepared_again(
    scene: NDArray[np.uint8], prepared: Counter[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_crops, "MAX_KEPT_BYTES", 2 * 3 * 20 * 30 * 4)
    crops = PreparedCrops()

    for _ in range(2):
        for width in (5, 6, 7, 8):
            crops.pixel_values(scene, Region(0, 0, width, 9), SMALL)

    assert prepared == {(9, 5, 3): 1, (9, 6, 3): 1, (9, 7, 3): 2, (9, 8, 3): 2}


def test_crops_are_freed_when_the_last_step_has_its_requests(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], models: Any
) -> None:
    class Slow(type(models["answerer"])):  # type: ignore[misc]  # a class of a fixture
        """Looks at what is alive while the last request of a run is answered."""

        def infer(self, request: InferenceRequest) -> Any:
            gc.collect()
            contexts = [each for each in gc.get_objects() if type(each) is PipelineContext]
            self.shared = [dict(context.shared) for context in contexts if context._name == "answer"]
            self.values = weakref.ref(request.inputs["pixel_values"])
            return super().infer(request)

    answerer = models["answerer"] = Slow(echoes=False)
    steps = describe(declaration, caption=0, answer=0)
    # In a chain, so that the answer step is the last to begin, and its request the last that is answered.
    steps["answer"].needs = (*steps["answer"].needs, "captions", "masks")

    run(steps, models, image=scene)
    for model in models.values():
        model.received.clear()
    gc.collect()

    assert answerer.shared == [{}]
    assert answerer.values() is None
