"""YAML of values from elsewhere: names, texts and comments with any character."""

from __future__ import annotations

import json
from typing import Any

from turnout.shown_text import shown

_LONGEST = 400


def yaml_value(value: Any) -> str:
    """Return ``value`` in one line. JSON is YAML, but for characters that YAML does not accept as they are."""
    # JSON writes a character above U+FFFF as two halves, which YAML does not put together.
    return _visible(json.dumps(value, ensure_ascii=False))


def comment(text: str) -> str:
    """Return ``text`` for a comment or a terminal: in one line, cut, each character that cannot be printed escaped."""
    return shown(" ".join(text.split()), _LONGEST)


def _visible(text: str) -> str:
    """Return ``text`` with the characters that cannot be printed as the escapes of YAML's double-quoted scalars."""
    return "".join(character if character.isprintable() else _escape(ord(character)) for character in text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
