"""A value in one line of YAML, as a person writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from turnout.settings.document.scalars import resolve_plain

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*\Z")


def flow_text(value: Any) -> str:
    """Return ``value`` in one line of YAML: mappings and lists in brackets, texts without quotes where YAML reads them so."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow_text(key)}: {flow_text(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, str):
        return value if _PLAIN.match(value) and resolve_plain(value) == value else _quoted(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(map(flow_text, value))}]"
    return json.dumps(value)


def _quoted(text: str) -> str:
    """Return ``text`` in double quotes, the characters that cannot be printed as escapes of YAML."""
    return visible(json.dumps(text, ensure_ascii=False))


def visible(text: str) -> str:
    """Return ``text`` with the characters that cannot be printed as the escapes of YAML's double-quoted scalars."""
    return "".join(character if character.isprintable() else _escape(ord(character)) for character in text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
