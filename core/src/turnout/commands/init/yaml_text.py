"""YAML of values from elsewhere: names, texts and comments with any character."""

from __future__ import annotations

import json
from typing import Any

from turnout.settings.edit.flow_text import visible
from turnout.shown_text import shown

_LONGEST = 400


def yaml_value(value: Any) -> str:
    """Return ``value`` in one line. JSON is YAML, but for characters that YAML does not accept as they are."""
    # JSON writes a character above U+FFFF as two halves, which YAML does not put together.
    return visible(json.dumps(value, ensure_ascii=False))


def comment(text: str) -> str:
    """Return ``text`` for a comment or a terminal: in one line, cut, each character that cannot be printed escaped."""
    return shown(" ".join(text.split()), _LONGEST)
