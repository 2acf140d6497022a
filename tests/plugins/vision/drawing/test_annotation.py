from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from turnout_vision.drawing.annotation import annotate, save_png
from turnout_vision.drawing.colors import region_color
from turnout_vision.drawing.findings import Findings
from turnout_vision.regions.region import Region
from turnout_vision.regions.region_results import RegionResult


def draw(picture: NDArray[np.uint8], *findings: RegionResult, footer: tuple[str, ...] = ()) -> NDArray[np.uint8]:
    return np.asarray(annotate(picture, Findings(findings, footer=footer)))


@pytest.fixture
def gray() -> NDArray[np.uint8]:
    return np.full((700, 900, 3), 128, np.uint8)


def test_a_mask_tints_its_pixels_and_no_others(gray: NDArray[np.uint8]) -> None:
    mask = np.zeros(gray.shape[:2], np.bool_)
    mask[100:200, 300:400] = True

    picture = draw(gray, RegionResult(None, mask=mask))

    changed = (picture != gray).any(axis=2)
    np.testing.assert_array_equal(changed, mask)
    # Translucent inside: between the gray and the color. Opaque on the outline.
    assert (np.abs(picture[150, 350].astype(int) - region_color(0)) < np.abs(128 - np.array(region_color(0)))).all()
    assert tuple(picture[100, 350]) == tuple(picture[150, 399]) == region_color(0) != tuple(picture[150, 350])


def test_a_box_is_drawn_on_its_edge(gray: NDArray[np.uint8]) -> None:
    picture = draw(gray, RegionResult(Region(300, 200, 500, 400)))

    for row, column in ((200, 400), (399, 400), (300, 300), (300, 499)):
        assert tuple(picture[row, column]) == region_color(0)
    assert tuple(picture[300, 400]) == (128, 128, 128)


def test_text_is_on_a_label_above_its_box(gray: NDArray[np.uint8]) -> None:
    picture = draw(gray, RegionResult(Region(300, 200, 500, 400), {"caption": "a red circle", "answer": None}))

    label = picture[180:198, 305:380].reshape(-1, 3)
    assert tuple(region_color(0)) in {tuple(pixel) for pixel in label}
    assert len({tuple(pixel) for pixel in label}) > 2
    assert (picture[:150] == 128).all()


def test_text_is_below_a_box_that_has_no_room_above(gray: NDArray[np.uint8]) -> None:
    picture = draw(gray, RegionResult(Region(300, 0, 500, 400), {"caption": "a red circle", "answer": "a red circle"}))

    assert tuple(picture[402, 302]) == region_color(0)
    assert tuple(picture[200, 400]) == (128, 128, 128)
    assert (picture[440:] == 128).all()


def test_no_label_covers_another(gray: NDArray[np.uint8]) -> None:
    crowd = [RegionResult(Region(300, 200, 500, 400), {"caption": "a red circle"}) for _ in range(6)]

    picture = draw(gray, *crowd)

    height = {index: (picture == region_color(index)).all(axis=2).any(axis=1).sum() for index in range(6)}
    assert min(height[index] for index in range(6)) >= 15


@pytest.mark.parametrize("box", [(0, 0, 900, 700), (850, 0, 900, 30), (0, 690, 40, 700)])
def test_text_stays_inside_the_picture(gray: NDArray[np.uint8], box: tuple[int, int, int, int]) -> None:
    bare = draw(gray, RegionResult(Region(*box)))

    picture = draw(gray, RegionResult(Region(*box, "a label of some length that needs its room"), {"caption": "word " * 200}))

    assert picture.shape == gray.shape
    assert (picture != bare).any(axis=2).sum() > 1000


def test_texts_for_the_whole_picture_are_below_it(gray: NDArray[np.uint8]) -> None:
    picture = draw(gray, footer=("caption: a gray wall", "question: why?"))

    np.testing.assert_array_equal(picture[:700], gray)
    assert picture.shape[0] > 720
    assert (picture[700:] > 200).any()


def test_a_small_picture_is_enlarged_so_that_its_text_is_readable() -> None:
    picture = draw(np.full((60, 96, 3), 255, np.uint8), RegionResult(Region(10, 20, 50, 50), {"caption": "a red circle"}))

    assert picture.shape[1] >= 640
    assert picture.shape[1] % 96 == 0


def test_the_picture_itself_is_not_written_to(gray: NDArray[np.uint8]) -> None:
    gray.flags.writeable = False

    draw(gray, RegionResult(Region(0, 0, 50, 50), {"caption": "x"}, np.ones(gray.shape[:2], np.bool_)))

    assert (gray == 128).all()


def test_consecutive_regions_have_very_different_colors() -> None:
    colors = [np.array(region_color(index), int) for index in range(24)]

    assert min(np.abs(one - other).sum() for one, other in pairwise(colors)) > 150
    assert len({tuple(color) for color in colors}) == 24


def test_a_picture_is_saved_whole(tmp_path: Path, gray: NDArray[np.uint8]) -> None:
    save_png(annotate(gray, Findings()), tmp_path / "new" / "a.png")

    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.size == (900, 700)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.png"]


def test_a_picture_that_cannot_be_saved_leaves_the_old_one(tmp_path: Path, gray: NDArray[np.uint8]) -> None:
    class Broken(Image.Image):
        def save(self, fp: object, format: str | None = None, **_: object) -> None:
            raise OSError("disk full")

    (tmp_path / "a.png").write_text("the old one")

    with pytest.raises(OSError, match="disk full"):
        save_png(Broken(), tmp_path / "a.png")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the old one"]
