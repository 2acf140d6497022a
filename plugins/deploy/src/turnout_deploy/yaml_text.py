"""YAML of plain values, in block style."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from turnout.commands.init.yaml_text import yaml_value

# A text that every reader of YAML takes for a text, also one of YAML 1.1.
_PLAIN = re.compile(
    r"(?:[A-Za-z_/]|\.{1,2}/)(?:[A-Za-z0-9_./@=-]|:(?=[A-Za-z0-9/]))*(?: [A-Za-z0-9_./@=-]+)*|[0-9]+(?:[GM]i|m|s)"
)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def yaml_text(value: Any) -> str:
    """Return ``value``, of dicts, lists, texts, numbers, booleans and None, as a YAML document."""
    return "\n".join([*_lines(value), ""])


def yaml_documents(values: Sequence[Any]) -> str:
    """Return several documents in one text."""
    return "---\n".join(map(yaml_text, values))


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _entry(f"{_scalar(str(key))}:", inner)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            yield from _item(item)
    else:
        yield _scalar(value)


def _entry(head: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and _fits_block(value):
        yield f"{head} |{'' if value.endswith(chr(10)) else '-'}"
        yield from (f"  {line}".rstrip() for line in value.removesuffix("\n").split("\n"))
    elif isinstance(value, Mapping | list | tuple) and value:
        yield head
        yield from (f"  {line}" if line else line for line in _lines(value))
    else:
        yield f"{head} {_scalar(value)}"


def _item(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple) and value:
        lines = _lines(value)
        yield f"- {next(lines)}"
        yield from (f"  {line}" if line else line for line in lines)
    else:
        yield from _entry("-", value)


def _fits_block(text: str) -> bool:
    """Return whether ``text`` has several lines that a literal block keeps as they are."""
    lines = text.removesuffix("\n").split("\n")
    printable = all(character.isprintable() for line in lines for character in line)
    # A first line with a space would set the indentation, and spaces at an end are not seen.
    kept = bool(lines[0]) and lines[0][0] != " " and bool(lines[-1]) and all(line == line.rstrip() for line in lines)
    return len(lines) > 1 and printable and kept


def _scalar(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return yaml_value(value)
