"""Forked children: knowing that this process is one, and starting anew there."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol, TypeVar


class Renewed(Protocol):
    """What starts anew in a forked child."""

    def renew(self) -> None:
        """Take new locks, since a thread of the parent may have held the old ones, and drop what is the parent's."""


class Prepared(Protocol):
    """What has something to do around a fork in the process that forks."""

    def around_fork(self) -> None:
        """Part with whatever a child must not share: called before a fork and once more after it, in the parent.

        Once more, because other threads go on until the very fork; what they did meanwhile is in the child too, which parts
        with it in ``Renewed.renew``. No lock may be held from the one call to the other: an exception between them, such as a
        signal's, would leave it held.
        """


class Forks:
    """Counts the forks between the first process and this one; ``os.getpid()`` on every call costs more."""

    count = 0
    _renewed: ClassVar[weakref.WeakSet[Renewed]] = weakref.WeakSet()
    _prepared: ClassVar[weakref.WeakSet[Prepared]] = weakref.WeakSet()

    @classmethod
    def renew(cls, holder: Renewed) -> None:
        """Have ``holder`` start anew in every child that is forked while it lives."""
        cls._renewed.add(holder)

    @classmethod
    def prepare(cls, holder: Prepared) -> None:
        """Have ``holder`` part with what a child must not share at every fork while it lives."""
        cls._prepared.add(holder)

    @classmethod
    def around(cls) -> None:
        """Have everybody part with what a child must not share."""
        _each(holder.around_fork for holder in _living(cls._prepared))

    @classmethod
    def forked(cls) -> None:
        """Count one more, and have everybody start anew."""
        cls.count += 1
        _each(holder.renew for holder in _living(cls._renewed))


Holder = TypeVar("Holder")


def _living(holders: weakref.WeakSet[Holder]) -> list[Holder]:
    """Return who is there, while other threads may add to the set: copying it is one step, looping over it is not."""
    found = (reference() for reference in list(holders.data))  # type: ignore[attr-defined]  # not in its stub
    return [holder for holder in found if holder is not None]


def _each(calls: Iterable[Callable[[], None]]) -> None:
    """Make all of ``calls``; one that fails is told by Python, and hinders no other."""
    failed: Exception | None = None
    for call in calls:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # raised when all had their turn
            failed = error
    if failed is not None:
        raise failed


os.register_at_fork(before=Forks.around, after_in_parent=Forks.around, after_in_child=Forks.forked)
