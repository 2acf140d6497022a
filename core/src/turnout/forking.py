"""Starting anew in forked children."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Holds a lock and counts that belong to one process."""

    def forked(self) -> None:
        """Make new ones: those of the parent's threads will never be given back here."""


_things: weakref.WeakSet[Forked] = weakref.WeakSet()


def renew_when_forked(thing: Forked) -> None:
    """Have ``thing`` start anew in every child that is forked while it lives."""
    _things.add(thing)


def _renew_all() -> None:
    for thing in _things:
        thing.forked()


os.register_at_fork(after_in_child=_renew_all)
