"""The removal of one key from the text of a settings file; its comments and every other byte stay."""

from __future__ import annotations

import re

from turnout.settings.document.document import Document, DocumentPath
from turnout.settings.edit.line_edit import CannotEditError

_COMMENT = re.compile(r"(?:^|[ \t])(#[^\r\n]*)")
_ENDING = re.compile(r"\r\n|\n|\r|\Z")


def remove_value(document: Document, place: DocumentPath) -> str:
    """Return the text of ``document`` without the key at ``place`` and its value; comments beside and inside it stay.

    Raises:
        CannotEditError: the text has a form that cannot be edited.
    """
    if document.text[document.marks[place[:-1]].start] == "{":
        return _remove_from_brackets(document, place)
    return _remove_lines(document, place)


def _remove_from_brackets(document: Document, place: DocumentPath) -> str:
    text, start, end = document.text, document.keys[place].start, _end_of_value(document, place)
    comma = re.compile(r"[ \t]*,[ \t]*").match(text, end)
    if comma:
        return text[:start] + text[comma.end() :]
    return re.sub(r",[ \t]*\Z", "", text[:start]) + text[end:]


def _remove_lines(document: Document, place: DocumentPath) -> str:
    """Return the text without the lines of the value; a comment on one of them becomes a line of its own."""
    text, key = document.text, document.keys[place]
    first = key.start - (key.column - 1)
    indent = text[first : key.start]
    if indent.strip():
        raise CannotEditError(f"its {place[-1]} does not start a line; put it on a line of its own")
    last = _line_end(text, _end_of_value(document, place))
    ends = sorted(_end_of_value(document, path, own=True) for path in document.keys if path[: len(place)] == place)
    kept, start = [], first
    while start < last:
        end = min(_line_end(text, start), last)
        content = max((one for one in ends if start < one <= end), default=start)
        comment = _COMMENT.search(text, content, end)
        kept += [f"{indent}{comment[1]}{_ENDING.search(text, start)[0]}"] if comment else []  # type: ignore[index]  # \Z matches
        start = end
    return text[:first] + "".join(kept) + text[last:]


def _end_of_value(document: Document, place: DocumentPath, *, own: bool = False) -> int:
    """Return the end of the value at ``place``; with ``own``, of its key if the value is a block of keys."""
    key, mark, text = document.keys[place], document.marks[place], document.text
    if place in document.ends and text[mark.start] in "{[":
        return document.ends[place]
    if place in document.ends:
        inner = [path for path in document.keys if path[:-1] == place]
        return key.end if own or not inner else max(_end_of_value(document, path) for path in inner)
    return max(key.end, mark.start + len(text[mark.start : mark.end].rstrip()))


def _line_end(text: str, index: int) -> int:
    """Return the start of the line below ``index``."""
    found = _ENDING.search(text, index)
    return found.end() if found else len(text)
