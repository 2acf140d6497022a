"""The lines of one model in a settings file, and the merge of two edits of them."""

from __future__ import annotations

from difflib import SequenceMatcher

from turnout.settings.document.document import Document

_MAX_COMPARED = 1_000_000
"""Pairs of lines: between more of them, which takes seconds, everything counts as one edit."""

_Edit = tuple[int, int, list[str]]
"""The lines from the first number up to the second are replaced by the list."""


def model_lines(document: Document, model: str) -> tuple[int, int]:
    """Return the start and the end, in the text, of the lines of ``model``, up to the line of the next key outside it."""
    own = ("models", model)
    mark = document.keys[own]
    outside = [key.start - (key.column - 1) for path, key in document.keys.items() if path[:2] != own and key.line > mark.line]
    start = mark.start - (mark.column - 1)
    return start, min(outside, default=len(document.text))


def merge_lines(base: str, one: str, other: str) -> str | None:
    """Return ``base`` with the changes that lead to ``one`` and those that lead to ``other``; None if they meet."""
    lines = base.splitlines(keepends=True)
    ours, theirs = _edits(lines, one), _edits(lines, other)
    if any(_meets(edit, against) for edit in ours for against in theirs if edit != against):
        return None
    merged = list(lines)
    distinct = ours + [edit for edit in theirs if edit not in ours]
    # From the bottom up, so that line numbers above stay; an insertion before the replacement that starts at its line.
    for start, end, replacement in sorted(distinct, key=lambda edit: edit[:2], reverse=True):
        merged[start:end] = replacement
    return "".join(merged)


def _edits(base: list[str], text: str) -> list[_Edit]:
    lines = text.splitlines(keepends=True)
    same = _common_length(base, lines)
    end = _common_length(base[same:][::-1], lines[same:][::-1])
    old, new = base[same : len(base) - end], lines[same : len(lines) - end]
    if len(old) * len(new) > _MAX_COMPARED:
        return [(same, same + len(old), new)]
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(same + start, same + stop, new[first:last]) for tag, start, stop, first, last in codes if tag != "equal"]


def _common_length(one: list[str], other: list[str]) -> int:
    """Return how many lines both start with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (ours, theirs) in pairs if ours != theirs), min(len(one), len(other)))


def _meets(one: _Edit, other: _Edit) -> bool:
    """Return whether two edits touch one line, or insert at one place."""
    if one[0] == one[1] and other[0] == other[1]:
        return one[0] == other[0]
    return one[0] < other[1] and other[0] < one[1]
