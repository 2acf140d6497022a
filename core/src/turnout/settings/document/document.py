"""A settings document: plain values, with the place of every key and value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.errors import Problem
from turnout.hidden_values import hide
from turnout.shown_text import escaped_lines

DocumentPath = tuple[str | int, ...]
"""Keys and list positions from the top: ``("models", "birefnet", "backend")``."""

LINE_BREAK = re.compile(r"\r\n|\n|\r")
MAX_DEPTH = 24
MAX_VALUES = 10_000
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep; settings are never this deep"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text: ``start`` and ``end`` count characters from 0; line and column count from 1.

    Line 0 means that there is no text; then ``start`` gives only the order.
    """

    start: int
    end: int
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """The content of a file or a mapping.

    Attributes:
        source: the file's name as the user gave it; empty for a mapping.
        text: the file's text; empty for a mapping.
        values: dicts, lists and scalars as written, without substitution of variables.
        keys: the mark of each key.
        marks: the mark of each value.
        ends: where each dict and list ends in the text; after the next token's comments if it is not in brackets.
        problems: problems of the text itself; ``values`` does not contain the parts that they refuse.
    """

    source: str
    text: str
    values: Any
    keys: Mapping[DocumentPath, Mark]
    marks: Mapping[DocumentPath, Mark]
    problems: tuple[tuple[Mark, str], ...] = field(default=())
    ends: Mapping[DocumentPath, int] = field(default_factory=dict)

    def mark_of_key(self, path: DocumentPath) -> Mark:
        """Return the place of the key of ``path``, of its value if it has no key, or of its nearest parent."""
        for end in range(len(path), 0, -1):
            mark = self.keys.get(path[:end]) or self.marks.get(path[:end])
            if mark is not None:
                return mark
        return self.marks.get((), Mark(0, 0))

    def mark_of_value(self, path: DocumentPath) -> Mark:
        """Return the place of the value of ``path``; as ``mark_of_key`` for a dict, a list, or a path without a value."""
        if isinstance(self.value_at(path), dict | list):
            return self.mark_of_key(path)
        return self.marks.get(path) or self.mark_of_key(path)

    def value_at(self, path: DocumentPath) -> Any:
        """Return the value as written at ``path``; None if there is none."""
        return value_at(self.values, path)

    def problem(self, mark: Mark, message: str) -> Problem:
        """Return ``message`` as a problem at ``mark``, with the line and a caret."""
        if not mark.line:
            return Problem("", message)
        return Problem(f"{self.source}:{mark.line}:{mark.column}", message, excerpt(self.text, mark))


def value_at(values: Any, path: DocumentPath) -> Any:
    """Return the value at ``path`` in ``values``; None if there is none."""
    for part in path:
        values = child_of(values, part, None)
    return values


def child_of(value: Any, part: str | int, default: Any) -> Any:
    """Return the item of the dict or list ``value`` at the key or position ``part``; ``default`` if there is none."""
    if isinstance(value, dict):
        return value.get(part, default)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return default


def path_text(path: DocumentPath) -> str:
    """Return ``path`` for a message: ``models.birefnet.backend``, ``pipelines.describe[1]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


MAX_EXCERPT_WIDTH = 160
_LOOKED_AT = 4_000


def excerpt(text: str, mark: Mark) -> str:
    """Return the line of ``mark`` with a caret under its column: below tabs a tab, below wide characters two spaces.

    Of a very long line, only the part around the mark is shown.
    """
    line_start = mark.start - (mark.column - 1)
    before = text[line_start : mark.start]
    after = text[mark.start :].splitlines()[0] if text[mark.start : mark.start + 1].strip("\r\n") else ""
    before, after = _hide_line(before[-_LOOKED_AT:], after[:_LOOKED_AT])
    if len(before) + len(after) > MAX_EXCERPT_WIDTH:
        before, after = before[-MAX_EXCERPT_WIDTH // 2 :], after[: MAX_EXCERPT_WIDTH // 2]
    before, after = escaped_lines(before), escaped_lines(after)
    return f"    {before}{after}\n    {''.join(map(_blank, before))}^"


def _hide_line(before: str, after: str) -> tuple[str, str]:
    """Return the two parts of a line without hidden values; a password may be in both."""
    line = hide(before + after)
    pairs = enumerate(zip(before, line, strict=False))
    same = next((place for place, (old, new) in pairs if old != new), min(len(before), len(line)))
    return line[:same], line[same:]


def _blank(character: str) -> str:
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
