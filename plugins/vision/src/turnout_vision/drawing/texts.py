"""Texts of a drawing: their font, their lines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

_MOST_LINES = 4


def find_font(size: int) -> FreeTypeFont | ImageFont:
    """Return the font of all texts."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def text_size_of(width: int, height: int) -> int:
    """Return the size of the texts on a picture."""
    return max(14, max(width, height) // 50)


def wrap(line: str, width: int, text_size: int) -> str:
    """Return ``line`` in at most four lines that fit into ``width`` pixels."""
    columns = max(16, int(width / (text_size * 0.6)))
    return "\n".join(textwrap.wrap(line, columns, max_lines=_MOST_LINES)) or line


def with_score(label: str | None, score: float | None) -> str:
    """Return a label with its score, such as ``cat 0.93``."""
    shown = "" if score is None else f"{score:.2f}"
    return " ".join(part for part in (label, shown) if part)
