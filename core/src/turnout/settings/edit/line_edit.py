"""The edit of one value in the text of a settings file; every other byte stays."""

from __future__ import annotations

import re

from turnout.settings.document.document import Document, DocumentPath
from turnout.settings.document.scalars import resolve_plain

_REST_OF_KEY_LINE = re.compile(r"[ \t]*:[ \t]*(#[^\r\n]*)?(?P<ending>\r\n|\n|\r)")
_REST_OF_VALUE_LINE = re.compile(r"[ \t]*(#[^\r\n]*)?(?P<ending>\r\n|\n|\r)")


class CannotEditError(Exception):
    """The text has a form that cannot be edited in place; the message says which, and what to do."""


def text_scalar(text: str) -> str:
    """Return ``text`` as YAML, in quotes if YAML would read it as a number, a boolean or null."""
    return text if resolve_plain(text) == text else f'"{text}"'


def set_value(document: Document, place: DocumentPath, value: str, *, below: str = "") -> str:
    """Return the text of ``document`` with ``value``, which is YAML on one line, at ``place``.

    A missing key is added below the key ``below`` of the same mapping, or else as its first key. The quotes of the old value
    stay.

    Raises:
        CannotEditError: the text has a form that cannot be edited.
    """
    if place not in document.keys:
        return _insert(document, place, value, below)
    mark, text = document.marks[place], document.text
    if document.value_at(place) is None and mark == document.keys[place]:
        colon = text.index(":", mark.end) + 1
        return f"{text[:colon]} {value}{text[colon:]}"
    written = text[mark.start : mark.end]
    if written[:1] in "|>" or "\n" in written or "\r" in written:
        raise CannotEditError(f"its {place[-1]} is written over several lines; put it on one")
    is_text = isinstance(resolve_plain(value), str) and value[0] not in "'\""
    quote = written[0] if written[0] in "'\"" and is_text else ""
    return f"{text[: mark.start]}{quote}{value}{quote}{text[mark.end :]}"


def replace_brackets(document: Document, place: DocumentPath, value: str) -> str:
    """Return the text of ``document`` with ``value``, which is YAML on one line, in place of the list or mapping at ``place``.

    Raises:
        CannotEditError: it is not in brackets.
    """
    start, end, text = document.marks[place].start, document.ends[place], document.text
    if text[start] not in "{[":
        raise CannotEditError(f"its {place[-1]} is written over several lines; put it on one")
    return f"{text[:start]}{value}{text[end:]}"


def _insert(document: Document, place: DocumentPath, value: str, below: str) -> str:
    text, parent = document.text, place[:-1]
    if not isinstance(document.value_at(parent), dict):
        raise CannotEditError(f"its {parent[-1]} has no keys; write {place[-1]} below it")
    start = document.marks[parent].start
    if text[start] == "{":
        others = ", " if document.value_at(parent) else ""
        return f"{text[: start + 1]}{place[-1]}: {value}{others}{text[start + 1 :]}"
    line = _line_below(document, (*parent, below)) or _REST_OF_KEY_LINE.match(text, document.keys[parent].end)
    if line is None:
        raise CannotEditError("its keys start on the line of its name; put them below it")
    indent = " " * (document.keys[(*parent, next(iter(document.value_at(parent))))].column - 1)
    return f"{text[: line.end()]}{indent}{place[-1]}: {value}{line['ending']}{text[line.end() :]}"


def _line_below(document: Document, place: DocumentPath) -> re.Match[str] | None:
    """Return the rest of the line of the value at ``place`` if it is a scalar on the line of its key, else None."""
    if place not in document.keys or isinstance(document.value_at(place), dict | list):
        return None
    key, value = document.keys[place], document.marks[place]
    if key == value or key.line != value.line:
        return None
    return _REST_OF_VALUE_LINE.match(document.text, value.end)
