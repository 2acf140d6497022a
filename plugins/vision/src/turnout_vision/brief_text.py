"""Values in messages, of a bounded length and at a bounded cost."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

_MAX_BITS = 256


class _Brief(Repr):
    """Makes the beginning of a value's ``repr``."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxarray = 6
        self.maxstring = self.maxother = 80

    def repr_int(self, value: int, level: int) -> str:  # the name and its arguments are Repr's
        # Python refuses to write one of more than 4,300 digits.
        return repr(value) if value.bit_length() <= _MAX_BITS else f"an integer of {value.bit_length()} bits"

    def repr_bytes(self, value: bytes, level: int) -> str:
        return repr(value[: self.maxstring])

    def repr_bytearray(self, value: bytearray, level: int) -> str:
        return repr(value[: self.maxstring])


_BRIEF = _Brief()


def brief(value: Any, most: int = 60) -> str:
    """Return the beginning of ``repr(value)`` without making the whole of it: a list of a stranger has any length.

    What is cut ends with "…", a text with its quote behind that.
    """
    text = _BRIEF.repr(value)
    if len(text) <= most:
        return text
    return f"{text[: most - 2]}…{text[0]}" if isinstance(value, str) else f"{text[: most - 1]}…"
