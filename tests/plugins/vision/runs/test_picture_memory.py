from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from turnout_vision.pictures.decoding_memory import BYTES_PER_PIXEL
from turnout_vision.runs.picture_memory import REGION_BYTES, estimate_bytes

PIXELS = 40 * 50


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    ("regions", "count"), [(None, 1), ((), 1), ([[0, 0, 9, 9]] * 3, 3), ({"regions": [[0, 0, 9, 9]] * 2}, 2), (7, 1)]
)
def test_each_region_needs_a_mask_and_tensors(picture: Path, regions: object, count: int) -> None:
    assert estimate_bytes(picture, regions) == PIXELS * BYTES_PER_PIXEL + count * (PIXELS + REGION_BYTES)


def test_the_regions_next_to_a_picture_count(picture: Path) -> None:
    picture.with_suffix(".regions.json").write_text(json.dumps([[0, 0, 9, 9]] * 5))

    assert estimate_bytes(picture, None) == PIXELS * BYTES_PER_PIXEL + 5 * (PIXELS + REGION_BYTES)


@pytest.mark.parametrize("content", [None, b"", b"not a picture", b"\x89PNG\r\n\x1a\nbroken"])
def test_what_is_no_picture_needs_nothing(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)

    assert estimate_bytes(tmp_path / "a.png", None) == 0


def test_a_picture_with_a_broken_region_file_needs_nothing(picture: Path) -> None:
    picture.with_suffix(".regions.json").write_text("not JSON")

    assert estimate_bytes(picture, None) == 0


def test_what_nobody_expects_is_left_to_the_run(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("turnout_vision.runs.picture_memory.find_regions")

    assert estimate_bytes(picture, None) == 0
