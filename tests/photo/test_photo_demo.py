"""``make demo-photo``: what it draws is the picture in the docs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]
SHOWN = ROOT / "docs" / "photo-demo.png"
# Of 255; the last bits of the models differ from processor to processor, which moves a line by a part of a pixel.
MOST_DIFFERENCE = 12.0
TILE = 50


@pytest.fixture(scope="module")
def sheet() -> Path:
    """Return the sheet that the target wrote."""
    # Without the options of the make that runs the tests, and without a new environment.
    variables = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "--old-file", ".venvs/photo/.done", "demo-photo"]
    ran = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ROOT / "out" / "photo" / "sheet.png"


def _greatest_difference(picture: Image.Image) -> float:
    """Return the mean difference of the tile that differs most from the picture in the docs."""
    with Image.open(SHOWN) as shown:
        assert picture.size == shown.size
        pairs = [np.asarray(one.convert("RGB"), np.float64) for one in (picture, shown)]
    difference = np.abs(pairs[0] - pairs[1])
    rows = np.array_split(difference, difference.shape[0] // TILE)
    return max(float(tile.mean()) for row in rows for tile in np.array_split(row, row.shape[1] // TILE, axis=1))


def test_the_demo_draws_the_picture_in_the_docs(sheet: Path) -> None:
    with Image.open(sheet) as picture:
        assert _greatest_difference(picture) < MOST_DIFFERENCE


def test_another_picture_is_noticed(sheet: Path) -> None:
    with Image.open(sheet) as picture:
        changed = picture.convert("RGB")
    ImageDraw.Draw(changed).rectangle((100, 100, 240, 260), outline=(255, 0, 0), width=6)

    assert _greatest_difference(changed) > MOST_DIFFERENCE
