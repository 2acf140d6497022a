"""Values in messages, of a bounded length and at a bounded cost."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

_REPR = Repr()
_REPR.maxlevel = 3
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = _REPR.maxarray = 6
_REPR.maxstring = _REPR.maxother = 80
_REPR.maxlong = 60


def brief(value: Any, most: int = 60) -> str:
    """Return the beginning of ``repr(value)`` without making the whole of it: a list of a stranger has any length."""
    return _REPR.repr(value)[:most]
