from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from turnout import InferenceRequest, InferenceResponse, ModelInference, PipelineStep, StepDeclaration
from turnout.errors import InferenceError, PipelineFailedError
from turnout_vision.factories import create_embed, create_load_image
from turnout_vision.options.embed import EmbedOptions
from turnout_vision.options.load_image import LoadImageOptions

Boxes = dict[str, tuple[int, int, int, int]]
Outputs = Callable[[NDArray[np.float32]], Mapping[str, Any]]


class MeanColor(ModelInference):
    """Gives the mean color, FP32 [1, 3], as the outputs that it is made with; fails where green is the most."""

    def __init__(self, outputs: Outputs, *, fails: bool = False) -> None:
        self._outputs, self._fails = outputs, fails

    def infer(self, request: InferenceRequest) -> InferenceResponse:
        color = request.inputs["pixel_values"].mean(axis=(2, 3))
        if self._fails and color.argmax() == 1:
            raise InferenceError("no green today")
        return InferenceResponse(dict(self._outputs(color)))


def one_vector(color: NDArray[np.float32]) -> Mapping[str, Any]:
    return {"image_embeds": color, "pooler_output": -color, "last_hidden_state": color[:, np.newaxis]}


def steps(folder: Path, **options: Any) -> dict[str, PipelineStep]:
    place = StepDeclaration("embed", "photos", folder, {"encoder": {"onnxruntime": {}}})
    given = {"prepare": {"size": [8, 8]}, **options}
    return {
        "load_image": create_load_image(place, LoadImageOptions()),
        "embed": create_embed(place, EmbedOptions(model="encoder", **given)),
    }


def expected(scene: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    left, top, right, bottom = box
    color = scene[top:bottom, left:right].mean(axis=(0, 1)) / 255
    return color / np.linalg.norm(color)


def test_each_region_gets_its_vector_of_length_1(run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes) -> None:
    models = {"encoder": MeanColor(one_vector)}

    result = run(steps(tmp_path, on="regions"), models, image=scene, regions=list(boxes.values()))

    for vector, box in zip(result["embeddings"], boxes.values(), strict=True):
        assert (vector.shape, vector.dtype) == ((3,), np.float32)
        np.testing.assert_allclose(vector, expected(scene, box), atol=1e-6)


def test_the_picture_gets_one_vector_which_may_keep_its_length(run: Any, tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    models = {"encoder": MeanColor(one_vector)}

    unit = run(steps(tmp_path), models, image=scene)["embedding"]
    raw = run(steps(tmp_path, normalize=False), models, image=scene)["embedding"]

    assert np.linalg.norm(unit) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(raw) > 1.1
    np.testing.assert_allclose(raw / np.linalg.norm(raw), unit, atol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "options"),
    [
        (lambda color: {"pooler_output": color, "last_hidden_state": -color[:, np.newaxis]}, {}),
        (lambda color: {"pooler_output": color[:, :, np.newaxis, np.newaxis]}, {}),
        (lambda color: {"features": color.astype(np.float16)}, {}),
        (lambda color: {"pooler_output": -color, "mine": color}, {"output": "mine"}),
        (lambda color: {"pooler_output": -color, "last_hidden_state": np.stack([color, -color], axis=1)}, {"pool": "cls"}),
        (
            lambda color: {"pooler_output": -color, "last_hidden_state": np.stack([-color, color, color], axis=1)},
            {"pool": "mean", "prefix_tokens": 1},
        ),
        (lambda color: {"map": color[:, :, np.newaxis, np.newaxis].repeat(4, axis=2)}, {"pool": "mean"}),
    ],
)
def test_the_features_are_found_in_any_usual_form(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes, outputs: Outputs, options: dict[str, Any]
) -> None:
    created = steps(tmp_path, on="regions", **options)

    vector = run(created, {"encoder": MeanColor(outputs)}, image=scene, regions=[boxes["blue"]])["embeddings"][0]

    np.testing.assert_allclose(vector, expected(scene, boxes["blue"]), atol=1e-3)


def test_a_failed_region_is_none_and_the_others_have_vectors(
    run: Any, tmp_path: Path, scene: NDArray[np.uint8], boxes: Boxes
) -> None:
    models = {"encoder": MeanColor(one_vector, fails=True)}

    result = run(steps(tmp_path, on="regions"), models, image=scene, regions=list(boxes.values()))

    assert [vector is None for vector in result["embeddings"]] == [False, True, False, False]
    assert [(failure.step, failure.index) for failure in result.failures] == [("embed", 1)]


def test_tokens_without_pool_are_one_line_and_the_next_run_is_good(run: Any, tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    created = steps(tmp_path)

    refused = run(
        created, {"encoder": MeanColor(lambda color: {"tokens": color[:, np.newaxis].repeat(5, axis=1)})}, image=scene
    )

    assert refused["embedding"] is None
    assert "features of model 'encoder' are FP32 [1, 5, 3], and one vector is needed" in str(refused.failures[0].error)
    assert run(created, {"encoder": MeanColor(one_vector)}, image=scene)["embedding"].shape == (3,)


def test_a_request_that_fails_leaves_no_vector(run: Any, tmp_path: Path) -> None:
    green = np.full((9, 9, 3), (0, 200, 0), np.uint8)

    with pytest.raises(PipelineFailedError, match="no green today") as caught:
        run(steps(tmp_path), {"encoder": MeanColor(one_vector, fails=True)}, image=green)

    assert caught.value.values["embedding"] is None


@pytest.mark.parametrize("given", [{"pool": "max"}, {"prefix_tokens": -1}, {"prefix_tokens": True}, {"normalize": 2}])
def test_wrong_options_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EmbedOptions(model="encoder", **given)
