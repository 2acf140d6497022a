"""Plain words for pydantic's validation errors and for the values that they refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from turnout.settings.document.scalars import value_text
from turnout.settings.problems.tuple_lengths import TUPLE_LENGTH

_KINDS = {
    "string": "must be text",
    "str": "must be text",
    "int": "must be a whole number",
    "float": "must be a number",
    "decimal": "must be a number",
    "finite_number": "must be a finite number",
    "bool": "must be true or false",
    "list": "must be a list",
    "tuple": "must be a list",
    "set": "must be a list",
    "frozen_set": "must be a list",
    "iterable": "must be a list",
    "dict": "must be a mapping of keys to values",
    "mapping": "must be a mapping of keys to values",
    "model": "must be a mapping of keys to values",
    "dataclass": "must be a mapping of keys to values",
    "model_attributes": "must be a mapping of keys to values",
    "path": "must be a path",
    "url": "must be a URL",
    "none_required": "must be empty",
}

_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda ctx: f"must be above {_format_limit(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"must be {_format_limit(ctx['ge'])} or more",
    "less_than": lambda ctx: f"must be below {_format_limit(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"must be {_format_limit(ctx['le'])} or less",
    "multiple_of": lambda ctx: f"must be a multiple of {_format_limit(ctx['multiple_of'])}",
    "literal_error": lambda ctx: f"must be {ctx['expected']}",
    "enum": lambda ctx: f"must be {ctx['expected']}",
    "string_too_short": lambda ctx: f"must have {ctx['min_length']} or more characters",
    "string_too_long": lambda ctx: f"must have {ctx['max_length']} or fewer characters",
    "string_pattern_mismatch": lambda ctx: f"must look like {ctx['pattern']!r}",
    "too_short": lambda ctx: f"must have {ctx['min_length']} or more entries",
    "too_long": lambda ctx: f"must have {ctx['max_length']} or fewer entries",
    TUPLE_LENGTH: lambda ctx: f"must have {ctx['length']} {'entry' if ctx['length'] == 1 else 'entries'}",
    "int_from_float": lambda _: "must be a whole number",
    "int_parsing_size": lambda _: "must be a smaller number",
}


def _format_limit(limit: object) -> str:
    """Return a limit as a user writes it: ``1``, not ``1.0``."""
    return str(int(limit)) if isinstance(limit, float) and limit.is_integer() else str(limit)


def plain_complaint(kind: str, context: Mapping[str, Any]) -> str:
    """Return the message for pydantic's error type ``kind``, "must be ..."; empty if it has no plain words."""
    if kind in _LIMITS:
        return _LIMITS[kind](context)
    for ending in ("_type", "_parsing"):
        if kind.endswith(ending):
            return _KINDS.get(kind.removesuffix(ending), "")
    return _KINDS.get(kind, "")


def describe_value(value: Any) -> str:
    """Return ``value`` as a message shows it: ``'two'``, ``true``, ``a list``."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return value_text(value)
