"""The refusal of a ``.pt2`` file."""

from __future__ import annotations

from typing import Any

_LONGEST = 120


class Pt2RefusedError(Exception):
    """A part of the file that torch must not see; the text says which, and what is allowed there."""


def quoted(value: Any) -> str:
    """Return ``value`` for a message: escaped, on one line, cut."""
    text = ascii(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
