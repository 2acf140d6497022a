"""Texts of strangers as a terminal and a log show them: in one line, without control characters or secrets, cut."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from typing import Any
from unicodedata import category

from turnout.hidden_values import hide, hides

LONGEST = 500
"""The characters of a text that are shown, by default: an error, a log line, a line of a traceback."""

LONGEST_STEP = 1_600
"""The characters of a command to type, which must not be cut, and of a printed line that may hold one."""

# What is between these two ends of a longer text is not even looked at.
_LOOKED_AT = 10_000
# The room for the number of characters that are left out.
_NOTE = 48
_FRAMES = 40
_LINKS = 10
_BREAKS = re.compile(r"(?:\r?\n|\t)+ *")
_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Letters, marks and a symbol that have no width or no ink, though Python calls them printable.
_INVISIBLE = frozenset(map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)))
_SELECTORS = ((0x180B, 0x180F), (0xFE00, 0xFE0D), (0xE0100, 0xE01EF))
# One selector belongs to an emoji and a few marks to a letter; more of them hide a text or cover the lines above.
_SELECTOR_PILE = re.compile("[\ufe0e\ufe0f]{2,}")
_PERHAPS_PILE = re.compile(r"[^\w\s\x00-\x7f]{5,}")
_MOST_MARKS = 4


_CAUSED = "The above exception was the direct cause of the following exception:"
_HANDLED = "During handling of the above exception, another exception occurred:"


class _Escapes(dict[int, str]):
    """The text of each code point, found at its first use."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = shown = character if _is_readable(character) else _escape(character)
        return shown


def shown(text: str, limit: int = LONGEST) -> str:
    """Return ``text`` in one line: hidden values replaced, what cannot be seen escaped, at most ``limit`` characters.

    Letters of every script stay. Line breaks and tabs become spaces. What is left out is counted.
    """
    if len(text) <= limit and text.isascii() and text.isprintable() and not hides(text):
        return text
    return _cut(escaped(_BREAKS.sub(" ", _hidden_ends(text, limit).strip("\t\r\n"))), limit, len(text))


def escaped(text: str) -> str:
    """Return ``text`` with every character escaped that a terminal would obey, or show nothing for."""
    if text.isascii() and text.isprintable():
        return text
    readable = _SELECTOR_PILE.sub(lambda pile: "".join(map(_escape, pile[0])), text.translate(_ESCAPES))
    return _PERHAPS_PILE.sub(_escape_pile, readable)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return ``value`` as JSON: exact when it is read, and without a character that a terminal obeys."""
    import json

    # Python escapes the controls below U+0020 and all above U+007E, but for this one.
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def escaped_lines(text: str) -> str:
    """Return ``text`` with its lines and tabs, and everything else as ``escaped`` returns it."""
    return "\n".join("\t".join(map(escaped, line.split("\t"))) for line in text.split("\n"))


def traceback_text(error: BaseException) -> str:
    """Return the traceback of ``error`` and its causes as Python prints them, in lines that no text of a stranger breaks."""
    links = list(_links(error))
    return "\n".join(line for link, joint in reversed(links) for line in (*_traceback_lines(link), *joint))


def show_causes(error: BaseException) -> None:
    """Replace each cause of ``error`` whose text has control characters or hidden values: Python prints it as it is.

    The replacement has the kind's name, the text and the traceback.
    """
    link = error
    for _ in range(_LINKS):
        found = link.__cause__ or link.__context__
        if found is None:
            return
        cause = _shown_link(found)
        if cause is not found:
            suppressed = link.__suppress_context__
            link.__cause__, link.__context__ = cause if link.__cause__ is not None else None, cause
            link.__suppress_context__ = suppressed
        link = cause


def shown_cause(error: BaseException) -> BaseException:
    """Return ``error`` for ``raise ... from``, or its replacement, as ``show_causes`` makes it."""
    show_causes(error)
    return _shown_link(error)


def plain_text(error: BaseException) -> str:
    """Return the text of ``error``; none if it cannot give one, because a second exception would hide the first."""
    with suppress(Exception):
        return str(error)
    return ""


def _hidden_ends(text: str, limit: int) -> str:
    """Return ``text`` without hidden values; of a very long one, enough of its two ends."""
    near = max(_LOOKED_AT, 2 * limit)
    return hide(text) if len(text) <= 2 * near else f"{hide(text[:near])}{hide(text[-near:])}"


def _cut(text: str, limit: int, length: int) -> str:
    if len(text) <= limit:
        return text
    # The end too: what to do is usually said last.
    end = limit // 3
    begin = limit - end - _NOTE
    return f"{text[:begin]} ... ({max(length, len(text)) - begin - end:,} characters left out) ... {text[-end:]}"


def _is_readable(character: str) -> bool:
    if character in _INVISIBLE or any(first <= ord(character) <= last for first, last in _SELECTORS):
        return False
    # The space of Japanese texts is wide and can be seen.
    return character.isprintable() or character == "\u3000"


def _escape(character: str) -> str:
    code = ord(character)
    plain = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _NAMES.get(character, plain)


def _escape_pile(match: re.Match[str]) -> str:
    """Return the text with each run of marks escaped that is too long for a letter of any script."""
    runs = (
        (is_mark, list(run)) for is_mark, run in groupby(match[0], key=lambda character: category(character) in ("Mn", "Me"))
    )
    return "".join("".join(map(_escape, run) if is_mark and len(run) > _MOST_MARKS else run) for is_mark, run in runs)


def _shown_link(error: BaseException) -> BaseException:
    text = plain_text(error)
    if hide(text) == text and escaped_lines(text) == text:
        return error
    kind = type(shown(type(error).__name__, 100), (Exception,), {"__module__": type(error).__module__})
    stand_in: BaseException = kind(shown(text))
    stand_in.__cause__, stand_in.__context__ = error.__cause__, error.__context__
    stand_in.__suppress_context__ = error.__suppress_context__
    return stand_in.with_traceback(error.__traceback__)


def _links(error: BaseException) -> Iterator[tuple[BaseException, list[str]]]:
    """Yield ``error`` and what it came from, each with the lines between it and the one before."""
    link: BaseException | None = error
    joint: list[str] = []
    for _ in range(_LINKS):
        if link is None:
            return
        yield link, joint
        caused = link.__cause__ is not None
        joint = ["", _CAUSED if caused else _HANDLED, ""]
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _traceback_lines(error: BaseException) -> Iterator[str]:
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        yield "Traceback (most recent call last):"
    for frame in frames[:_FRAMES]:
        yield from _frame_lines(frame)
    if len(frames) > 2 * _FRAMES:
        yield f"  ({len(frames) - 2 * _FRAMES} frames left out)"
    for frame in frames[max(_FRAMES, len(frames) - _FRAMES) :]:
        yield from _frame_lines(frame)
    kind, text = type(error), plain_text(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    yield shown(f"{name}: {text}" if text else name)
    yield from (shown(f"  {note}") for note in getattr(error, "__notes__", ()))
    for inner in getattr(error, "exceptions", ()):
        yield shown(f"  of several: {type(inner).__name__}: {plain_text(inner)}")


def _frame_lines(frame: traceback.FrameSummary) -> Iterator[str]:
    yield shown(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}')
    if frame.line:
        yield shown(f"    {frame.line}")


_ESCAPES = _Escapes()
