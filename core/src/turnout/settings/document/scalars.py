"""Plain scalars and their values in the core schema of YAML 1.2."""

from __future__ import annotations

import re

_SPELLED: dict[str, bool | None] = {"null": None, "true": True, "false": False}
_WORDS: dict[str, bool | None] = {"": None, "~": None}
for _word, _value in _SPELLED.items():
    _WORDS |= dict.fromkeys((_word, _word.capitalize(), _word.upper()), _value)
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}\Z")
_OCTAL = re.compile(r"0o[0-7]{1,30}\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,30}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,5})?\Z")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)\Z")
_LARGE = 10**60
_NOT_A_NUMBER = (".nan", ".NaN", ".NAN")

Scalar = str | int | float | bool | None


def resolve_plain(text: str) -> Scalar:
    """Return the value of an unquoted scalar; ``no``, dates and extremely long numbers are text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEXADECIMAL.match(text):
        return int(text[2:], 16)
    if _INFINITY.match(text):
        return float(text.replace(".", "", 1))
    if text in _NOT_A_NUMBER:
        return float("nan")
    if len(text) <= 100 and _FLOAT.match(text):
        return float(text)
    return text


def value_text(value: object) -> str:
    """Return the Python text of any ``value`` for a message, 60 characters of it at most."""
    if isinstance(value, int) and abs(value) >= _LARGE:  # Python refuses to write numbers of more than 4,300 digits
        return "a number of more than 60 digits"
    try:
        text = repr(value[:60] if isinstance(value, str | bytes) else value)
    except Exception:  # noqa: BLE001  # the object of a caller may raise anything
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."
