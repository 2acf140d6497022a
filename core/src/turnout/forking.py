"""Forked children: knowing that this process is one, and starting anew there."""

from __future__ import annotations

import os
import weakref
from typing import ClassVar, Protocol


class Renewed(Protocol):
    """What starts anew in a forked child."""

    def renew(self) -> None:
        """Take new locks, since a thread of the parent may have held the old ones, and drop what is the parent's."""


class Forks:
    """Counts the forks between the first process and this one; ``os.getpid()`` on every call costs more."""

    count = 0
    _renewed: ClassVar[weakref.WeakSet[Renewed]] = weakref.WeakSet()

    @classmethod
    def renew(cls, holder: Renewed) -> None:
        """Have ``holder`` start anew in every child that is forked while it lives."""
        cls._renewed.add(holder)

    @classmethod
    def forked(cls) -> None:
        """Count one more, and have everybody start anew."""
        cls.count += 1
        for holder in list(cls._renewed):
            holder.renew()


os.register_at_fork(after_in_child=Forks.forked)
