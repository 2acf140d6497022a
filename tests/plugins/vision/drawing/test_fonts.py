from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from turnout_vision.drawing import fonts
from turnout_vision.drawing.annotation import annotate_result
from turnout_vision.drawing.fonts import find_font, writable
from turnout_vision.drawing.texts import wrap
from turnout_vision.regions.region import Region

LATIN = "Café à Zürich, Łódź, smørrebrød, Ærø, œuvre, Straße, Đà Nẵng, İzmir, Þórður, naïve, Curaçao, Ţ, ŋ"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the fonts of the system away."""
    monkeypatch.setattr(fonts, "_SYSTEM_FONTS", ("NoSuchFont.ttf",))
    fonts._has.cache_clear()
    yield
    fonts._has.cache_clear()


def drawn(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> bytes:
    canvas = Image.new("L", (60, 40))
    ImageDraw.Draw(canvas).text((5, 5), text, font=font, fill=255)
    return canvas.tobytes()


def test_no_letter_of_latin_text_is_a_box() -> None:
    text = writable(LATIN)
    font = find_font(20, LATIN)

    box = drawn("\uffff", font)
    assert [char for char in text if drawn(char, font) == box] == []


def test_without_fonts_of_the_system_letters_lose_their_accents(bare: None) -> None:
    text = writable(LATIN)

    font = find_font(20, LATIN)
    assert [char for char in text if drawn(char, font) == drawn("\uffff", font)] == []
    assert text == "Cafe a Zurich, Lodz, smorrebrod, AEro, oeuvre, Strasse, Da Nang, Izmir, Thordur, naive, Curacao, T, ng"


def test_a_letter_of_two_characters_is_one_letter(bare: None) -> None:
    assert writable("Cafe\u0301") == "Cafe"


def test_a_text_that_pillows_font_has_is_drawn_with_it() -> None:
    assert drawn("cat", find_font(20, "a cat")) == drawn("cat", ImageFont.load_default(size=20))
    assert writable("a cat …") == "a cat …"


def test_an_accent_is_visible_in_a_label_a_footer_and_a_legend() -> None:
    fonts_path = fonts._find_path("DejaVuSans.ttf")
    if fonts_path is None:
        pytest.skip("this system has no DejaVuSans.ttf")
    picture = np.full((640, 640, 3), 128, np.uint8)

    def draw(word: str) -> bytes:
        result = {"picture": picture, "caption": word, "regions": [Region(100, 100, 300, 300, word)]}
        return annotate_result(result).tobytes()

    assert draw("Café") != draw("Cafe")


def test_a_label_is_not_separated_from_its_score() -> None:
    line = "classification: " + ", ".join(f"{'x' * length} cat 0.9{length}" for length in range(1, 9))

    for width in range(150, 900, 10):
        lines = wrap(line, width, 14).split("\n")
        assert not [each for each in lines if each.startswith("0.9")], lines
        assert "\u00a0" not in "".join(lines)


def test_a_picture_in_which_nothing_was_found_has_no_frame() -> None:
    picture = np.full((640, 640, 3), 128, np.uint8)
    whole = [Region(0, 0, 640, 640)]

    for found in ({"text_lines": []}, {"classification": []}, {}):
        assert (np.asarray(annotate_result({"picture": picture, "regions": whole, **found})) == 128).all()
    named = annotate_result({"picture": picture, "regions": [Region(0, 0, 640, 640, "cat", 0.9)]})
    assert not (np.asarray(named) == 128).all()
