"""The regions whose memory an answer's arrays hold."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import deque
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from turnout.forking import Forks
from turnout_triton.client.shared_memory.region import FOLDER, Region

logger = logging.getLogger(__name__)

_MOST_BYTES = 1 << 28
_MOST_REGIONS = 32
_SHARE = 8


class Budget:
    """How much of this process's shared memory arrays may hold: 32 regions of 256 MiB, or an eighth of what the system has.

    Who keeps many answers shall not leave the next requests, the server or this process without memory and files. Thread-safe:
    both counts change under ``_lock``. A forked child has a budget of its own.

    Attributes:
        given: what is appended here is given back, in bytes of a region; a deque, as an array may end in any thread at any
            moment.
    """

    def __init__(self) -> None:
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with nothing held."""
        self._lock = threading.RLock()
        self._regions = self._bytes = 0
        self.given: deque[int] = deque()

    def take(self, size_bytes: int) -> bool:
        """Take a region of ``size_bytes`` off the budget; False if that is too much."""
        with self._lock:
            while self.given:
                self._regions -= 1
                self._bytes -= self.given.popleft()
            most = min(_MOST_BYTES, memory_bytes() // _SHARE)
            if self._regions >= _MOST_REGIONS or self._bytes + size_bytes > most:
                return False
            self._regions += 1
            self._bytes += size_bytes
            return True


class Leases:
    """Lends the memory of regions to arrays, without a copy, until the last array of it is gone.

    A region that is mostly empty is not lent, nor one beyond the ``budget`` of this process. An array is like any other over a
    fork: before it, what is lent becomes memory of this process alone, which the child gets a copy of. Such a region is
    nobody's any more; ``parted`` returns it.

    Thread-safe: ``_lent``, ``_parted`` and ``_closed`` change under ``_lock``, which a signal handler that forks
    may take in the midst of its own thread's work. ``_ended`` is a deque, because an array may end in any thread at any moment,
    one that holds the lock included.
    """

    budget: ClassVar[Budget] = Budget()

    def __init__(self) -> None:
        self._closed = False
        self._start()
        Forks.renew(self)
        Forks.prepare(self)

    def lend(self, region: Region, size_bytes: int) -> NDArray[np.uint8] | None:
        """Return the beginning of ``region``, which it and every view of it hold; None where it is better copied."""
        if 2 * size_bytes < region.size_bytes or self._closed or not self.budget.take(region.size_bytes):
            return None
        with self._lock:
            # In this order: what a fork or an interrupt finds half done is private, or lost, and never another request's.
            self._lent[region.name] = region
            memory = np.frombuffer(region.read(size_bytes), np.uint8)
            # With this process's deques: the end of a child's copy is none of the region's.
            told = (region.name, self._ended), (region.size_bytes, self.budget.given)
            weakref.finalize(memory, self._end, *told).atexit = False
        return memory

    def ended(self) -> list[Region]:
        """Return the regions that nobody holds any more, once."""
        if not self._ended:
            return []
        with self._lock:
            names = [self._ended.popleft() for _ in range(len(self._ended))]
            return [self._lent.pop(name) for name in names if name in self._lent]

    def parted(self) -> list[Region]:
        """Return the regions that a fork took from their arrays' memory, once: no request uses them, and none will."""
        if not self._parted:
            return []
        with self._lock:
            parted = self._parted.copy()
            self._parted.clear()
        return parted

    def close(self) -> list[Region]:
        """Lend no more, and return the regions that are still held; what holds them keeps its memory."""
        self._closed = True
        self.around_fork()
        return self.parted()

    def around_fork(self) -> None:
        """Make what is lent this process's own."""
        with self._lock:
            while self._lent:
                _, region = self._lent.popitem()
                self._parted.append(region)
                _make_private(region)

    def renew(self) -> None:
        """Start with nothing lent in a forked child; what was lent in the moment of the fork becomes its own."""
        for region in list(self._lent.values()):
            _make_private(region)
        left = [*self._parted, *self._lent.values()]
        self._start()
        for region in left:
            region.leave()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._lent: dict[str, Region] = {}
        self._parted: list[Region] = []
        self._ended: deque[str] = deque()

    def _end(self, *told: tuple[Any, deque[Any]]) -> None:
        """Take that the last array of a region is gone. A method, so that who dropped the app has this as long as the array."""
        for what, deque_of_it in told:
            deque_of_it.append(what)


def _make_private(region: Region) -> None:
    try:
        region.make_private()
    except OSError as error:
        logger.warning("an answer's array is shared with a forked child: %s", error)


def memory_bytes() -> int:
    """Return how much shared memory the system has; 0 where it has none."""
    try:
        system = os.statvfs(FOLDER)
    except OSError:
        return 0
    return system.f_blocks * system.f_frsize
