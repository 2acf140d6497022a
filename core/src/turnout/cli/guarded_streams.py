"""Standard output and standard error of a command, which no text of a stranger can use to drive the terminal.

Commands escape what they print; this is for what does not pass them: click's usage errors, warnings of libraries, plugins.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TextIO

from turnout.cli.printing import color_choice
from turnout.hidden_values import hide
from turnout.shown_text import LONGEST_STEP, escaped, shown

_COLOR = re.compile(r"(\x1b\[[0-9;]{0,20}m)")
_KEPT = re.compile(r"([\n\t])")


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard stdout and stderr until the block ends. Results go to stdout, so only stderr hides values and cuts lines."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guard(sys.stdout, hides=False), _guard(sys.stderr, hides=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def _guard(stream: TextIO, *, hides: bool) -> Any:
    # A daemon may have closed it.
    return None if stream is None else _Guarded(stream, hides=hides)


class _Guarded:
    """A stream whose ``write`` escapes control characters, but for line breaks and the colors of a terminal.

    Attributes:
        trusted: the stream itself, for a program that draws on the terminal and escapes foreign texts.
    """

    def __init__(self, stream: TextIO, *, hides: bool) -> None:
        self.trusted = stream
        self._hides = hides

    def write(self, text: str) -> int:
        """Write ``text``, escaped."""
        return self.trusted.write(self._safe(text))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of ``lines``, escaped."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trusted, name)

    def _safe(self, text: str) -> str:
        if self._hides:
            text = hide(text)
        if text.isascii() and text.replace("\n", "").isprintable() and not (self._hides and len(text) > LONGEST_STEP):
            return text
        colored = self.trusted.isatty() if (choice := color_choice()) is None else choice
        parts = _COLOR.split(text) if colored else [text]
        safe = "".join(part if place % 2 else self._escape_lines(part) for place, part in enumerate(parts))
        encoding = self.trusted.encoding or "utf-8"
        return safe.encode(encoding, "backslashreplace").decode(encoding)

    def _escape_lines(self, text: str) -> str:
        # A result may be long; a message, such as a library's warning, is cut.
        safe = partial(shown, limit=LONGEST_STEP) if self._hides else escaped
        return "".join(part if part in ("\n", "\t") else safe(part) for part in _KEPT.split(text))
