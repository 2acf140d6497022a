from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineStep, StepDeclaration
from turnout.errors import ConfigurationError, InferenceError, PipelineFailedError
from turnout_vision.factories import create_classify, create_load_image
from turnout_vision.labels.label import Label
from turnout_vision.options.labels import ClassifyOptions
from turnout_vision.options.load_image import LoadImageOptions

Boxes = dict[str, tuple[int, int, int, int]]
COLORS = ("red", "green", "blue", "yellow", "white")
CENTERS = np.array([(220, 20, 30), (10, 180, 40), (20, 40, 210), (230, 220, 20), (255, 255, 255)]) / 255
PREPARE = {"size": [8, 8]}


class ColorClassifier(ModelInference):
    """Gives a color's logit the higher, the nearer the middle of the picture is to it; fails on ``fails_on``."""

    def __init__(self, outputs: Callable[[NDArray[np.float32]], Mapping[str, Any]], fails_on: str = "") -> None:
        self._outputs, self._fails_on = outputs, fails_on

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        values = request.inputs["pixel_values"]
        assert (values.shape, values.dtype) == ((1, 3, 8, 8), np.float32)
        logits = -10 * np.abs(CENTERS - values[0, :, 4, 4]).sum(axis=1)
        if COLORS[int(logits.argmax())] == self._fails_on:
            raise InferenceError(f"no {self._fails_on} today")
        return InferenceResponse(dict(self._outputs(logits[np.newaxis].astype(np.float32))))


@pytest.fixture
def models() -> Callable[..., Mapping[str, ModelInference]]:
    def make(outputs: Any = lambda logits: {"logits": logits}, fails_on: str = "") -> Mapping[str, ModelInference]:
        return {"classifier": ColorClassifier(outputs, fails_on)}

    return make


@pytest.fixture
def place(tmp_path: Path) -> StepDeclaration:
    return StepDeclaration("classify", "photos", tmp_path, {"classifier": {"onnxruntime": {}}})


def steps(place: StepDeclaration, **options: Any) -> dict[str, PipelineStep]:
    given = {"prepare": PREPARE, "labels": list(COLORS), **options}
    return {
        "load_image": create_load_image(place, LoadImageOptions()),
        "classify": create_classify(place, ClassifyOptions(model="classifier", **given)),
    }


def test_the_picture_gets_its_best_labels(run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any) -> None:
    result = run(steps(place, top_k=2), models(), image=scene)

    first, second = result["classification"]
    assert (first.label, first.index, second.label) == ("white", 4, "yellow")
    assert 0 < second.score < first.score < 1
    assert not result.failures


def test_each_region_gets_its_own_labels(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, models: Any
) -> None:
    result = run(steps(place, on="regions"), models(), image=scene, regions=list(boxes.values()))

    assert [labels[0].label for labels in result["classifications"]] == list(boxes)
    assert "classification" not in result


def test_a_failed_region_is_reported_and_the_others_have_labels(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], boxes: Boxes, models: Any
) -> None:
    regions = [[9, 9, 9, 9], *boxes.values()]

    result = run(steps(place, on="regions"), models(fails_on="green"), image=scene, regions=regions)

    assert [labels and labels[0].label for labels in result["classifications"]] == [None, "red", None, "blue", "yellow"]
    assert [(failure.step, failure.index) for failure in result.failures] == [("load_image", 0), ("classify", 2)]


def test_a_failed_picture_is_none(run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any) -> None:
    with pytest.raises(PipelineFailedError, match="no white today") as caught:
        run(steps(place), models(fails_on="white"), image=scene)

    assert caught.value.values["classification"] is None


def test_scores_and_their_threshold_follow_the_options(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any
) -> None:
    def labels(**options: Any) -> list[Label]:
        return run(steps(place, **options), models(), image=scene)["classification"]

    assert sum(label.score for label in labels()) == pytest.approx(1)
    logit = labels(scores="none")[0].score
    assert logit < 0
    assert labels(scores="sigmoid")[0].score == pytest.approx(1 / (1 + np.exp(-logit)))
    assert [label.label for label in labels(score_threshold=0.5)] == ["white"]
    assert labels(scores="none", score_threshold=1.0) == []


@pytest.mark.parametrize(
    ("config", "scores"),
    [
        ({}, "softmax"),
        ({"problem_type": "single_label_classification"}, "softmax"),
        ({"problem_type": "multi_label_classification"}, "sigmoid"),
        ({"problem_type": "regression"}, "none"),
    ],
)
def test_labels_and_their_function_come_from_the_checkpoint(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any, write: Any, config: Any, scores: str
) -> None:
    named = {"id2label": {str(index): f"a {color}" for index, color in enumerate(COLORS)}}
    write(place.folder / "config.json", {**named, **config})

    labels = run(steps(place, labels=None, processor="."), models(), image=scene)["classification"]

    assert (labels[0].label, labels[0].index) == ("a white", 4)
    expected = run(steps(place, scores=scores), models(), image=scene)["classification"]
    assert [label.score for label in labels] == [label.score for label in expected]


def test_classes_without_names_are_numbered_as_transformers_does(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any
) -> None:
    assert run(steps(place, labels=None), models(), image=scene)["classification"][0].label == "LABEL_4"


@pytest.mark.parametrize(
    "outputs",
    [
        lambda logits: {"scores": logits},
        lambda logits: {"hidden": logits[:, ::-1], "logits": logits},
        lambda logits: {"logits": logits[:, :, np.newaxis, np.newaxis]},
        lambda logits: {"logits": logits.astype(np.float16)},
        lambda logits: {"logits": logits.astype(np.float64)},
    ],
)
def test_the_output_is_found_in_any_usual_form(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any, outputs: Any
) -> None:
    assert run(steps(place), models(outputs), image=scene)["classification"][0].label == "white"


def test_an_output_is_named_where_several_could_be_meant(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any
) -> None:
    several = models(lambda logits: {"a": logits[:, ::-1], "b": logits})

    refused = run(steps(place), several, image=scene)

    assert refused["classification"] is None
    assert "model 'classifier' has the outputs a, b; write `output:`" in str(refused.failures[0].error)
    assert run(steps(place, output="b"), several, image=scene)["classification"][0].label == "white"


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda logits: {"logits": logits[0]}, r"must be FP32 \[1, classes\], got FP32 \[5\]"),
        (lambda logits: {"logits": np.repeat(logits, 2, axis=0)}, r"got FP32 \[2, 5\]"),
        (lambda logits: {"logits": logits[:, :, np.newaxis].repeat(3, axis=2)}, r"got FP32 \[1, 5, 3\]"),
        (lambda logits: {"logits": logits[:, :0]}, r"got FP32 \[1, 0\]"),
        (lambda logits: {"logits": logits.astype(np.int64)}, r"INT64 \[1, 5\], and the logits are floating-point numbers"),
        (lambda logits: {"logits": logits[:, :4]}, "gave 4 logits, and `labels:` has 5 names"),
        (lambda logits: {"logits": logits * np.nan}, "gave the logit nan"),
        (lambda logits: {}, "has the outputs none"),
    ],
)
def test_another_output_is_one_line_and_the_next_run_is_good(
    run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any, outputs: Any, message: str
) -> None:
    created = steps(place)

    result = run(created, models(outputs), image=scene)

    assert result["classification"] is None
    assert len(result.failures) == 1
    assert re.search(message, str(result.failures[0].error))
    assert "\n" not in str(result.failures[0].error)
    assert run(created, models(), image=scene)["classification"][0].label == "white"


def test_names_in_the_wrong_order_are_detected(run: Any, place: StepDeclaration, scene: NDArray[np.uint8], models: Any) -> None:
    planted = steps(place, labels=[*COLORS[1:], COLORS[0]])

    assert run(planted, models(), image=scene)["classification"][0].label != "white"


def test_a_model_without_a_checkpoint_and_without_prepare_is_refused_before_a_run(place: StepDeclaration) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot prepare pictures: no backend of model 'classifier' names a checkpoint"
    ):
        steps(place, prepare=None)


def test_a_missing_labels_file_is_refused_before_a_run(place: StepDeclaration) -> None:
    with pytest.raises(ConfigurationError, match=r"labels file .*imagenet\.txt' cannot be read"):
        steps(place, labels="imagenet.txt")


@pytest.mark.parametrize(
    "given",
    [
        {"top_k": 0},
        {"top_k": True},
        {"labels": []},
        {"labels": ""},
        {"labels": [7]},
        {"labels": [""]},
        {"scores": "logits"},
        {"score_threshold": float("nan")},
        {"into": "picture"},
        {"into": "embedding"},
        {"input": ""},
    ],
)
def test_wrong_options_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClassifyOptions(model="classifier", **given)
