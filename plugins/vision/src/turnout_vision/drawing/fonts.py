"""Fonts of a drawing, and texts in letters that they have."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

# Pillow's own font has no accented letters; Pillow finds these where the system has its fonts.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf")
# A character that no font has.
_NO_CHARACTER = "\uffff"
_LETTER = re.compile(r"LATIN (?P<case>SMALL|CAPITAL) (?:LETTER|LIGATURE) (?P<letters>[A-Z]{1,2})(?: WITH .+)?")
_OTHERS = {"ß": "ss", "ẞ": "SS", "þ": "th", "Þ": "Th", "ð": "d", "Ð": "D", "\u0131": "i", "ŋ": "ng", "Ŋ": "Ng", "€": "EUR"}


def find_font(size: int, text: str = "") -> FreeTypeFont | ImageFont:
    """Return the font for ``text``: Pillow's, or one of the system that has more of its letters."""
    return _open_font(_choose_font(text), size)


def writable(text: str) -> str:
    """Return ``text`` as the font for it can write it: letters that it lacks lose their accents, ``ø`` becomes ``o``."""
    name, composed = _choose_font(text), unicodedata.normalize("NFC", text)
    return "".join(char if _has(name, char) else _plain_letters(char) for char in composed)


def _choose_font(text: str) -> str | None:
    """Return the name of the font that lacks the fewest letters of ``text``; None is Pillow's."""
    letters = frozenset(unicodedata.normalize("NFC", text))
    fonts = (None, *_SYSTEM_FONTS)
    lacking = {}
    for name in fonts:
        lacking[name] = sum(not _has(name, char) for char in letters)
        if not lacking[name]:
            return name
    return min(fonts, key=lambda name: lacking[name])


def _plain_letters(char: str) -> str:
    if char in _OTHERS:
        return _OTHERS[char]
    base = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    if base.isascii() and base:
        return base
    found = _LETTER.fullmatch(unicodedata.name(char, ""))
    if found is None:
        return char
    return found["letters"].lower() if found["case"] == "SMALL" else found["letters"]


@lru_cache(maxsize=16_384)
def _has(name: str | None, char: str) -> bool:
    """Return whether the font ``name`` has ``char``; what has no picture of its own, such as a line's end, counts as there."""
    if char.isascii():
        return True
    path = _find_path(name) if name else None
    return (path is not None or name is None) and _picture(name, char) != _picture(name, _NO_CHARACTER)


def _picture(name: str | None, char: str) -> tuple[tuple[int, int], bytes]:
    from PIL.ImageFont import FreeTypeFont

    font = _open_font(name, 20)
    # Without FreeType, Pillow's font has the letters of Latin-1 only.
    if not isinstance(font, FreeTypeFont):
        return (int(ord(char) < 256), 0), b""
    mask = font.getmask(char)
    return mask.size, bytes(mask)


def _open_font(name: str | None, size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    path = _find_path(name) if name else None
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size=size)


# The search walks through the folders of the system's fonts.
@lru_cache(maxsize=16)
def _find_path(name: str) -> str | None:
    from PIL import ImageFont

    try:
        return str(ImageFont.truetype(name, 10).path)
    except OSError:
        return None
