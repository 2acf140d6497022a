from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineContext, PipelineStep, StepDeclaration
from turnout.errors import (
    ConfigurationError,
    InferenceError,
    InvalidInputError,
    InvalidTensorError,
    PipelineFailedError,
)
from turnout_vision.factories import create_caption, create_load_image
from turnout_vision.options.load_image import LoadImageOptions
from turnout_vision.options.texts import CaptionOptions
from turnout_vision.steps.caption import Caption

Boxes = dict[str, tuple[int, int, int, int]]


def steps(declaration: StepDeclaration, **options: Any) -> dict[str, PipelineStep]:
    return {
        "load_image": create_load_image(declaration, LoadImageOptions()),
        "caption": create_caption(declaration, CaptionOptions(model="captioner", **options)),
    }


@pytest.fixture
def captioner(color_model: Any) -> Any:
    return lambda fails_on="": color_model(echoes=True, fails_on=fails_on)


def test_each_region_has_its_own_caption(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, captioner: Any
) -> None:
    result = run(steps(declaration), {"captioner": captioner()}, image=scene, regions=list(boxes.values()))

    assert result["captions"] == [f"{color} box" for color in boxes]
    assert not result.failures


def test_responses_in_another_order_are_detected(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, captioner: Any
) -> None:
    class MixedUp(Caption):
        def postprocess(self, context: PipelineContext, responses: Sequence[InferenceResponse]) -> None:
            super().postprocess(context, [*responses[1:], responses[0]])

    planted = {**steps(declaration), "caption": MixedUp(declaration, CaptionOptions(model="captioner"))}

    result = run(planted, {"captioner": captioner()}, image=scene, regions=list(boxes.values()))

    assert result["captions"] != [f"{color} box" for color in boxes]


def test_a_failed_region_is_reported_and_the_others_have_captions(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, captioner: Any
) -> None:
    regions = [[9, 9, 9, 9], *boxes.values()]

    result = run(steps(declaration), {"captioner": captioner("green")}, image=scene, regions=regions)

    assert result["captions"] == [None, "red box", None, "blue box", "yellow box"]
    assert {(failure.step, failure.index, type(failure.error)) for failure in result.failures} == {
        ("load_image", 0, InvalidInputError),
        ("caption", 2, InferenceError),
    }


def test_a_run_with_only_failed_regions_still_returns(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], captioner: Any
) -> None:
    result = run(steps(declaration), {"captioner": captioner()}, image=scene, regions=[[9, 9, 9, 9]])

    assert result["captions"] == [None]
    assert len(result.failures) == 1


def test_a_request_without_a_prompt_is_unconditional(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], captioner: Any, words: list[str]
) -> None:
    model = captioner()

    run(steps(declaration), {"captioner": model}, image=scene)

    assert set(model.received[0]) == {"pixel_values", "input_ids", "attention_mask"}
    assert model.received[0]["input_ids"].tolist() == [[words.index("[CLS]"), words.index("[SEP]")]]
    assert model.received[0]["attention_mask"].tolist() == [[1, 1]]


def test_a_caption_begins_with_the_prompt_which_is_padded(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, captioner: Any
) -> None:
    model = captioner()
    created = steps(declaration, prompt="a picture of a", prompt_length=9)

    result = run(created, {"captioner": model}, image=scene, regions=[boxes["blue"]])

    assert result["captions"] == ["a picture of a blue box"]
    assert model.received[0]["input_ids"].shape == model.received[0]["attention_mask"].shape == (1, 9)
    assert model.received[0]["attention_mask"].sum() == 6


def test_the_whole_picture_has_one_caption(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], captioner: Any
) -> None:
    scene[30:80, 40:80] = (20, 40, 210)

    result = run(
        steps(declaration, on="picture"), {"captioner": captioner()}, image=scene, regions=[[0, 0, 5, 5], [1, 1, 9, 9]]
    )

    assert result["caption"] == "blue box"
    assert "captions" not in result


def test_a_failed_caption_of_the_picture_is_none(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], captioner: Any
) -> None:
    with pytest.raises(PipelineFailedError, match="no white today") as caught:
        run(steps(declaration, on="picture"), {"captioner": captioner("white")}, image=scene)

    assert caught.value.values["caption"] is None
    assert [(failure.step, failure.index) for failure in caught.value.failures] == [("caption", None)]


def test_regions_that_all_failed_are_reported_by_their_indexes(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Any, captioner: Any
) -> None:
    with pytest.raises(PipelineFailedError, match="its request to model 'captioner' failed: no blue today") as caught:
        run(steps(declaration), {"captioner": captioner("blue")}, image=scene, regions=[[0, 0, -1, 5], boxes["blue"]])

    assert [(failure.step, failure.index) for failure in caught.value.failures] == [("load_image", 0), ("caption", 1)]


@pytest.mark.parametrize("on", ["picture", "regions"])
@pytest.mark.parametrize("outputs", [{"ids": np.zeros((1, 3), np.int64)}, {"generated_ids": np.zeros((1, 3), np.float32)}])
def test_a_response_without_token_ids_is_reported(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], on: str, outputs: dict[str, Any]
) -> None:
    class Other(ModelInference):
        def infer(self, request: InferenceRequest) -> InferenceResponse:
            return InferenceResponse(outputs)

    result = run(steps(declaration, on=on), {"captioner": Other()}, image=scene)

    assert result["caption" if on == "picture" else "captions"] in (None, [None])
    assert isinstance(result.failures[0].error, InferenceError | InvalidTensorError)


def test_two_captions_of_one_pipeline_are_kept_apart(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, captioner: Any
) -> None:
    second = create_caption(declaration, CaptionOptions(model="captioner", prompt="this is a", into="sentences"))

    result = run({**steps(declaration), "again": second}, {"captioner": captioner()}, image=scene, regions=[boxes["red"]])

    assert (result["captions"], result["sentences"]) == (["red box"], ["this is a red box"])


def test_a_margin_adds_the_surroundings_of_the_box(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], captioner: Any
) -> None:
    inside_red = [[10, 10, 14, 14]]

    near = run(steps(declaration), {"captioner": captioner()}, image=scene, regions=inside_red)
    model = captioner()
    run(steps(declaration, margin=3.0), {"captioner": model}, image=scene, regions=inside_red)

    assert near["captions"] == ["red box"]
    assert np.ptp(model.received[0]["pixel_values"]) > 1.5


def test_a_prompt_of_the_settings_that_is_too_long_is_an_error(
    run: Any, declaration: StepDeclaration, scene: NDArray[np.uint8], captioner: Any
) -> None:
    with pytest.raises(InvalidInputError, match="the prompt has 6 tokens, but prompt_length is 3"):
        run(steps(declaration, prompt="a picture of a", prompt_length=3), {"captioner": captioner()}, image=scene)


def test_a_model_without_a_checkpoint_is_refused_when_the_step_is_created(declaration: StepDeclaration) -> None:
    bare = StepDeclaration("caption", "describe", declaration.folder, {"captioner": {"onnxruntime": {"path": "x"}}})

    with pytest.raises(ConfigurationError, match="write `processor:`"):
        create_caption(bare, CaptionOptions(model="captioner"))


@pytest.mark.parametrize("into", ["picture", "regions", "image", "question"])
def test_a_step_cannot_overwrite_its_inputs(into: str) -> None:
    with pytest.raises(ValueError, match="choose another"):
        CaptionOptions(model="captioner", into=into)
