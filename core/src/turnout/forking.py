"""Forked children: knowing that this process is one, and starting anew there."""

from __future__ import annotations

import os
import threading
import weakref
from typing import ClassVar, Protocol


class Renewed(Protocol):
    """What starts anew in a forked child."""

    def renew(self) -> None:
        """Take new locks, since a thread of the parent may have held the old ones, and drop what is the parent's."""


class Prepared(Protocol):
    """What has something to do around a fork in the process that forks."""

    def before_fork(self) -> None:
        """Get ready; nothing that matters may change from here on until ``after_fork``."""

    def after_fork(self) -> None:
        """Go on, in the parent. A child goes on with ``Renewed.renew``."""


class Forks:
    """Counts the forks between the first process and this one; ``os.getpid()`` on every call costs more.

    Thread-safe: forks of several threads go one after the other, under ``_lock``.
    """

    count = 0
    _renewed: ClassVar[weakref.WeakSet[Renewed]] = weakref.WeakSet()
    _prepared: ClassVar[weakref.WeakSet[Prepared]] = weakref.WeakSet()
    _lock: ClassVar[threading.Lock] = threading.Lock()
    _preparing: ClassVar[list[Prepared]] = []

    @classmethod
    def renew(cls, holder: Renewed) -> None:
        """Have ``holder`` start anew in every child that is forked while it lives."""
        cls._renewed.add(holder)

    @classmethod
    def prepare(cls, holder: Prepared) -> None:
        """Have ``holder`` get ready for every fork while it lives."""
        cls._prepared.add(holder)

    @classmethod
    def forking(cls) -> None:
        """Have everybody get ready."""
        cls._lock.acquire()
        cls._preparing = list(cls._prepared)
        for holder in cls._preparing:
            holder.before_fork()

    @classmethod
    def went_on(cls) -> None:
        """Have everybody who got ready go on, in the parent."""
        for holder in cls._preparing:
            holder.after_fork()
        cls._preparing = []
        cls._lock.release()

    @classmethod
    def forked(cls) -> None:
        """Count one more, and have everybody start anew."""
        cls.count += 1
        cls._lock = threading.Lock()
        cls._preparing = []
        for holder in list(cls._renewed):
            holder.renew()


os.register_at_fork(before=Forks.forking, after_in_parent=Forks.went_on, after_in_child=Forks.forked)
