"""Texts of messages: suggestions for a wrong name, foreign exceptions in one line, numbers of things."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the known name nearest to ``name``, or an empty string."""
    near = nearest_name(name, known)
    return f" Did you mean {near!r}?" if near else ""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the known name nearest to ``name``; empty if none is near."""
    import difflib  # 1 % of the start-up time of a command, for a message that is rarely needed

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``number`` with ``noun`` in the singular or plural: ``1 model``, ``2 models``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def text_of(error: BaseException) -> str:
    """Return the text of a foreign exception in one line, 600 characters of it at most; its kind if it has no text."""
    text = " ".join(_text_of(error).split()) or type(error).__name__
    return text if len(text) <= 600 else f"{text[:600]}..."


def one_line(error: BaseException) -> str:
    """Return the kind and text of a foreign exception in one line."""
    return f"{type(error).__name__}: {text_of(error) if _text_of(error).strip() else 'no text'}"


def _text_of(error: BaseException) -> str:
    """Return the text of ``error``; none if it cannot give one, because a second exception would hide the first."""
    with suppress(Exception):
        return str(error)
    return ""
