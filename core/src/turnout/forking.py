"""Forks: their number, and callbacks that reset locks and state in each child."""

from __future__ import annotations

import importlib
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol, TypeVar


class Renewed(Protocol):
    """An object that resets itself in a forked child."""

    def renew(self) -> None:
        """Create new locks, because a thread of the parent may have held the old ones, and drop the parent's state."""


class Prepared(Protocol):
    """An object that acts before and after a fork, in the process that forks."""

    def around_fork(self) -> None:
        """Release everything that a child must not share. Called before a fork, and in the parent again after it.

        Again, because other threads run until the fork itself. What they did in between is in the child too, which drops it in
        ``Renewed.renew``. Do not hold a lock from one call to the other: an exception between them, such as one from a signal
        handler, would leave it locked.
        """


class Forks:
    """Counts the forks between the first process and this one, and renews what must not be shared with a child.

    Attributes:
        count: the number of forks that this process has noticed; cheaper to read than ``os.getpid()``.
        pid: this process, as far as it has noticed.
    """

    count = 0
    pid = os.getpid()
    _noticing = threading.Lock()
    # Weak, so that a registration does not keep a closed model alive.
    _renewed: ClassVar[weakref.WeakSet[Renewed]] = weakref.WeakSet()
    _prepared: ClassVar[weakref.WeakSet[Prepared]] = weakref.WeakSet()

    @classmethod
    def renew(cls, holder: Renewed) -> None:
        """Register ``holder``, whose ``renew`` is called in every forked child."""
        cls._renewed.add(holder)

    @classmethod
    def prepare(cls, holder: Prepared) -> None:
        """Register ``holder``, whose ``around_fork`` is called before and after every fork."""
        cls._prepared.add(holder)

    @classmethod
    def around(cls) -> None:
        """Call ``around_fork`` of every registered holder."""
        _each(holder.around_fork for holder in _list_alive(cls._prepared))

    @classmethod
    def notice(cls) -> None:
        """Enter the child if this process was forked by C code that calls no hook of Python's, as uWSGI does.

        Each call of a model asks first. Without that, workers would share the connections and locks of their parent.
        """
        if os.getpid() == cls.pid:
            return
        # Other threads of the child wait here until everything is renewed.
        with cls._noticing:
            if os.getpid() != cls.pid:
                cls.count += 1
                _each(holder.renew for holder in _list_alive(cls._renewed))
                cls.pid = os.getpid()

    @classmethod
    def enter_child(cls) -> None:
        """Count one more fork, and call ``renew`` of every registered holder."""
        cls.count += 1
        cls.pid = os.getpid()
        cls._noticing = threading.Lock()
        _each(holder.renew for holder in _list_alive(cls._renewed))


Holder = TypeVar("Holder")


def _list_alive(holders: weakref.WeakSet[Holder]) -> list[Holder]:
    """Return the living holders. Copying the set is atomic; a loop over it fails if another thread adds to it."""
    found = (reference() for reference in list(holders.data))  # type: ignore[attr-defined]  # not in its stub
    return [holder for holder in found if holder is not None]


def _each(calls: Iterable[Callable[[], None]]) -> None:
    """Make all ``calls``, then raise the last error, which Python reports. One failure does not stop the others."""
    failed: Exception | None = None
    for call in calls:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # raised after all calls
            failed = error
    if failed is not None:
        raise failed


def _import_random() -> None:
    """Import ``random`` on a system that can fork and has no hooks for it; the module assumes both or none (CPython 3.11)."""
    vars(os)["register_at_fork"] = lambda **hooks: None
    try:
        importlib.import_module("random")
    finally:
        del vars(os)["register_at_fork"]


# Windows has no fork, so there is nothing to renew. Without the hooks ``Forks.notice`` finds a fork at the next call.
if hasattr(os, "fork") and not hasattr(os, "register_at_fork"):
    _import_random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=Forks.around, after_in_parent=Forks.around, after_in_child=Forks.enter_child)
