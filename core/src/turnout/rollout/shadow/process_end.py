"""Mirrors at the end of a process, whose daemon threads are killed in the middle of their work."""

from __future__ import annotations

import atexit
import weakref
from typing import Protocol


class Leaving(Protocol):
    """An object that stops in order at the end of a process."""

    def leave(self) -> None:
        """Stop now."""


# Weak, so that a mirror of an old generation is not kept until the process ends.
_all: weakref.WeakSet[Leaving] = weakref.WeakSet()


def leave_at_end(mirror: Leaving) -> None:
    """Register ``mirror``, which leaves before its threads are killed."""
    _all.add(mirror)


# Before the interpreter kills daemon threads, which no join of theirs would prevent.
@atexit.register
def _leave_all() -> None:
    for mirror in list(_all):
        mirror.leave()
