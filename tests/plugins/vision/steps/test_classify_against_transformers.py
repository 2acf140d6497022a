"""Labels and scores against transformers' own pipeline, on the very checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import turnout

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

PROBLEMS = ["single_label_classification", "multi_label_classification", "regression", None]


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    rows, columns = np.indices((61, 97))
    return np.stack([rows * 4, columns * 2, (rows * columns) % 251], axis=-1).astype(np.uint8)


def save(folder: Path, model: Any, processor: Any) -> Path:
    # Small random weights give all classes the same score; these do not.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=[*PROBLEMS, "one class"])
def vit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    problem, classes = (None, 1) if request.param == "one class" else (request.param, 7)
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=32,
        patch_size=8,
        id2label={index: f"kind {index}" for index in range(classes)},
        problem_type=problem,
    )
    processor = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    return save(tmp_path_factory.mktemp("vit"), transformers.ViTForImageClassification(config), processor)


def open_app(checkpoint: Path, class_: str, **options: Any) -> turnout.Turnout:
    backend = {"loader": "transformers", "class": class_, "checkpoint": str(checkpoint), "device": "cpu"}
    return turnout.open(
        {
            "models": {"classifier": {"backend": "direct", "backends": {"direct": backend}}},
            "pipelines": {"label": ["load_image", {"classify": {"model": "classifier", **options}}]},
        }
    )


def labels_of(checkpoint: Path, class_: str, photo: NDArray[np.uint8], **options: Any) -> list[tuple[str, float]]:
    with open_app(checkpoint, class_, **options) as app:
        return [(label.label, label.score) for label in app.run("label", image=photo)["classification"]]


def expected_of(checkpoint: Path, photo: NDArray[np.uint8], **options: Any) -> list[tuple[str, float]]:
    processor = transformers.AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    model = transformers.AutoModelForImageClassification.from_pretrained(checkpoint)
    pipeline = transformers.pipeline("image-classification", model=model, image_processor=processor, device="cpu")
    return [(each["label"], each["score"]) for each in pipeline(Image.fromarray(photo), **options)]


def assert_same(labels: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [label for label, _ in labels] == [label for label, _ in expected]
    np.testing.assert_allclose([score for _, score in labels], [score for _, score in expected], atol=1e-5, rtol=1e-5)


def test_labels_and_scores_are_those_of_transformers_for_every_problem_type(vit: Path, photo: NDArray[np.uint8]) -> None:
    assert_same(labels_of(vit, "ViTForImageClassification", photo), expected_of(vit, photo))


@pytest.mark.parametrize("function", ["softmax", "sigmoid", "none"])
def test_a_written_function_is_that_of_transformers(vit: Path, photo: NDArray[np.uint8], function: str) -> None:
    labels = labels_of(vit, "ViTForImageClassification", photo, scores=function, top_k=100)

    assert_same(labels, expected_of(vit, photo, function_to_apply=function, top_k=100))


def test_a_wrong_function_is_detected(vit: Path, photo: NDArray[np.uint8]) -> None:
    config = transformers.AutoConfig.from_pretrained(vit)
    if config.num_labels == 1:
        planted = "softmax"
    else:
        planted = "sigmoid" if config.problem_type in (None, "single_label_classification") else "softmax"

    with pytest.raises(AssertionError):
        assert_same(labels_of(vit, "ViTForImageClassification", photo, scores=planted), expected_of(vit, photo))


def test_a_convolutional_classifier_agrees_too(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    torch.manual_seed(5)
    config = transformers.ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic", id2label={0: "a", 1: "b", 2: "c"}
    )
    processor = transformers.ConvNextImageProcessorPil(size={"shortest_edge": 40}, crop_pct=0.875)
    folder = save(tmp_path, transformers.ResNetForImageClassification(config).eval(), processor)

    assert_same(labels_of(folder, "AutoModelForImageClassification", photo), expected_of(folder, photo))
