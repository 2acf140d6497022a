from __future__ import annotations

import numpy as np
import pytest

from turnout_vision.drawing.annotation import annotate_result
from turnout_vision.drawing.colors import region_color
from turnout_vision.drawing.text_lines import lines_panel
from turnout_vision.text_reading.text_line import TextLine

PICTURE = np.full((400, 700, 3), 128, np.uint8)


def line(text: str, left: float, top: float, right: float, bottom: float) -> TextLine:
    return TextLine(text, 0.9, np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32))


def ink(pixels: np.ndarray) -> np.ndarray:
    """Return the rows and columns, in that order, of the box around what is written, in pixels."""
    rows, columns = np.nonzero(pixels.max(axis=2) < 60)
    return np.array([rows.min(), rows.max(), columns.min(), columns.max()])


def test_lines_are_outlined_and_written_at_their_places_on_a_panel() -> None:
    lines = [line("EXIT", 100, 50, 300, 100), line("Stairs to the platform", 100, 300, 600, 330)]

    drawn = np.asarray(annotate_result({"picture": PICTURE, "text_lines": lines}))

    picture, panel = drawn[:400], drawn[400:]
    assert drawn.shape == (800, 700, 3)
    assert tuple(picture[50, 200]) == region_color(0)
    assert tuple(picture[315, 100]) == region_color(1)
    assert tuple(picture[75, 200]) == (128, 128, 128)
    assert ink(panel[:200])[:2] == pytest.approx([60, 90], abs=12)
    assert ink(panel[200:])[2:] == pytest.approx([105, 400], abs=200)


@pytest.mark.parametrize(
    "text", ["EXIT", "a text that is much too long for the small room that its line has in this picture", "", "\u6b63\u54c1"]
)
def test_a_text_fits_into_its_line(text: str) -> None:
    panel = np.asarray(lines_panel([line(text, 50, 100, 650, 180)], 700, 400, 1))

    outside = panel.copy()
    outside[98:183, 48:653] = panel[0, 0]
    assert (outside == panel[0, 0]).all()


def test_a_picture_without_lines_has_no_panel() -> None:
    assert np.asarray(annotate_result({"picture": PICTURE, "text_lines": []})).shape == (400, 700, 3)
    assert np.asarray(annotate_result({"picture": PICTURE, "text_lines": None})).shape == (400, 700, 3)


def test_the_value_of_another_step_with_this_name_is_not_drawn() -> None:
    assert np.asarray(annotate_result({"picture": PICTURE, "text_lines": ["EXIT", 3]})).shape == (400, 700, 3)
