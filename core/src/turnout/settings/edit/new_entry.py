"""The addition of one model or pipeline to the text of a settings file; every other byte stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from turnout.errors import ConfigurationError, SettingsError
from turnout.settings.document.document import Document
from turnout.settings.document.parse import parse
from turnout.settings.edit.flow_text import flow_text
from turnout.settings.edit.line_edit import text_scalar

_INDENT = 2


def add_entry(document: Document, section: str, name: str, value: Any) -> Document:
    """Return ``document`` with ``value`` as the last entry of the top-level ``section``, called ``name``.

    Raises:
        ConfigurationError: the text has a form that cannot be edited, or the section has such an entry; the message has what to
            add by hand.
    """
    present = document.value_at((section,))
    if isinstance(present, Mapping) and name in present:
        raise ConfigurationError(f"{document.source!r} has {name!r} under {section!r} already; choose another name")
    if present is None or isinstance(present, Mapping):
        wanted = {**(document.values or {}), section: {**(present or {}), name: value}}
        with suppress(SettingsError):
            after = parse(_insert(document, section, name, value), document.source)
            if after.values == wanted:
                return after
    raise ConfigurationError(
        f"{document.source!r} cannot be edited in place; add this below {section!r} by hand: "
        f"{text_scalar(name)}: {flow_text(value)}"
    )


def entry_lines(name: str, value: Any, indent: int) -> list[str]:
    """Return ``name: value`` as lines of YAML: a mapping key by key, its own mappings and lists in brackets."""
    space = " " * indent
    if isinstance(value, Mapping) and value:
        lines = [f"{space}{text_scalar(name)}:"]
        for key, inner in value.items():
            is_block = key == "backends" and bool(inner)
            lines += entry_lines(key, inner, indent + _INDENT) if is_block else [_line(key, inner, indent + _INDENT)]
        return lines
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [f"{space}{text_scalar(name)}:", *(f"{space}{' ' * _INDENT}- {_item(one)}" for one in value)]
    return [_line(name, value, indent)]


def _line(name: str, value: Any, indent: int) -> str:
    return f"{' ' * indent}{text_scalar(name)}: {flow_text(value)}"


def _item(value: Any) -> str:
    if isinstance(value, Mapping) and len(value) == 1:
        [(key, inner)] = value.items()
        return f"{text_scalar(key)}: {flow_text(inner)}"
    return flow_text(value)


def _insert(document: Document, section: str, name: str, value: Any) -> str:
    text, newline = document.text, "\r\n" if "\r\n" in document.text else "\n"
    place = (section,)
    if place not in document.keys:
        start = text if not text or text.endswith(("\n", "\r")) else text + newline
        gap = newline if start else ""
        return start + gap + _joined([f"{section}:", *entry_lines(name, value, _INDENT)], newline)
    mark = document.marks[place]
    if document.value_at(place) is not None and text[mark.start] == "{":
        end = document.ends[place] - 1
        comma = ", " if document.value_at(place) else ""
        return f"{text[:end]}{comma}{text_scalar(name)}: {flow_text(value)}{text[end:]}"
    end = _line_end(text, _end_of_section(document, section))
    before = text[:end] if text[:end].endswith(("\n", "\r")) else text[:end] + newline
    return before + _joined(entry_lines(name, value, _indent(document, section)), newline) + text[end:]


def _joined(lines: Sequence[str], newline: str) -> str:
    return "".join(f"{line}{newline}" for line in lines)


def _indent(document: Document, section: str) -> int:
    columns = [key.column - 1 for path, key in document.keys.items() if len(path) == 2 and path[0] == section]
    return columns[0] if columns else _INDENT


def _end_of_section(document: Document, section: str) -> int:
    """Return where the last key or value below ``section`` ends."""
    text, ends = document.text, [document.keys[section,].end]
    ends += [key.end for path, key in document.keys.items() if path[0] == section]
    for path, mark in document.marks.items():
        if path[:1] != (section,):
            continue
        if path not in document.ends:
            ends.append(mark.start + len(text[mark.start : mark.end].rstrip()))
        elif text[mark.start : mark.start + 1] in ("{", "["):
            ends.append(document.ends[path])
    return max(ends)


def _line_end(text: str, index: int) -> int:
    """Return the start of the line below ``index``, or the end of the text."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1
