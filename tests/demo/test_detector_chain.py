"""From a detector over BiRefNet's masks to BLIP's captions, without a region file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import turnout
from turnout_vision.regions.region import Region

pytest.importorskip("skimage")

ROOT = Path(__file__).parents[2]
# In the third picture of six one shape is as pale as its background.
PICTURES = ["meadow.png", "dusk.jpg", "market.jpg", "parade.jpg", "window.png"]
CHECKPOINTS = {"birefnet": "segmenter", "blip_caption": "captioner"}


def settings() -> dict[str, Any]:
    models: dict[str, Any] = {
        name: {
            "backend": "onnxruntime",
            "backends": {
                "onnxruntime": {"path": str(ROOT / "model_repository" / name)},
                "direct": {
                    "loader": "transformers",
                    "class": "AutoModelForImageSegmentation",
                    "checkpoint": str(ROOT / "examples" / "checkpoints" / folder),
                },
            },
        }
        for name, folder in CHECKPOINTS.items()
    }
    detector = {"loader": "factory", "factory": "tests.demo.shape_detector:make", "device": "cpu"}
    models["detector"] = {"backend": "direct", "backends": {"direct": detector}}
    described = [{"segment_regions": {"model": "birefnet"}}, {"caption": {"model": "blip_caption", "margin": 0.1}}]
    detect = {"model": "detector", "input": "images", "prepare": {}, "labels": ["shape"], "score_threshold": 0.2}
    return {
        "models": models,
        "pipelines": {"given": ["load_image", *described], "found": ["load_image", {"detect": detect}, *described]},
    }


@pytest.fixture(scope="module")
def app() -> Iterator[turnout.Turnout]:
    with turnout.open(settings()) as app:
        yield app


def overlap(one: Region, other: Region) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0, width) * max(0, height)
    areas = [(each.right - each.left) * (each.bottom - each.top) for each in (one, other)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize("picture", PICTURES)
def test_what_the_detector_finds_has_the_masks_and_captions_of_the_region_file(
    app: turnout.Turnout, tmp_path: Path, picture: str
) -> None:
    alone = Path(shutil.copy(ROOT / "examples" / "pictures" / picture, tmp_path))

    found, given = app.run("found", image=str(alone)), app.run("given", image=str(ROOT / "examples" / "pictures" / picture))

    assert not found.failures
    assert len(found["regions"]) == len(given["regions"]) >= 3
    for region, mask, caption in zip(found["regions"], found["masks"], found["captions"], strict=True):
        same = max(range(len(given["regions"])), key=lambda index: overlap(region, given["regions"][index]))
        assert overlap(region, given["regions"][same]) > 0.85
        assert caption == given["captions"][same]
        both = mask & given["masks"][same], mask | given["masks"][same]
        assert both[0].sum() / both[1].sum() > 0.9
        assert (region.label, region.score > 0.2) == ("shape", True)


def test_a_picture_without_shapes_has_no_captions(app: turnout.Turnout) -> None:
    result = app.run("found", image=np.full((90, 120, 3), 200, np.uint8))

    assert (result["regions"], result["masks"], result["captions"]) == ([], [], [])
    assert not result.failures
