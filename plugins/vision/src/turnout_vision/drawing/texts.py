"""Texts of a drawing: their size, their lines."""

from __future__ import annotations

import re
import textwrap

from turnout_vision.drawing.fonts import writable

_MOST_LINES = 4
# A label and its score, such as "cat 0.93", are not separated.
_BEFORE_SCORE = re.compile(r" (?=[01]\.[0-9]{2}(?:,|\Z))")
_TIE = "\u00a0"


def text_size_of(width: int, height: int) -> int:
    """Return the size of the texts on a picture."""
    return max(14, max(width, height) // 50)


def wrap(line: str, width: int, text_size: int) -> str:
    """Return ``line`` in at most four lines that fit into ``width`` pixels, in letters that its font has."""
    columns = max(16, int(width / (text_size * 0.6)))
    tied = _BEFORE_SCORE.sub(_TIE, writable(line.replace(_TIE, " ")))
    return "\n".join(textwrap.wrap(tied, columns, max_lines=_MOST_LINES)).replace(_TIE, " ") or line


def with_score(label: str | None, score: float | None) -> str:
    """Return a label with its score, such as ``cat 0.93``."""
    shown = "" if score is None else f"{score:.2f}"
    return " ".join(part for part in (label, shown) if part)
