"""Leases of shared memory: a response's arrays are views of the region that the server wrote, not copies.

Guarantee: an array belongs to its caller alone. The caller may keep it, write to it and make views of it. Its region gets no
other data before the last view is freed, and the array stays valid after the app was closed.

Price: a region is in use as long as its array. A process lends at most 32 regions and 256 MiB, or an eighth of ``/dev/shm`` if
that is less; beyond that a response is copied. So a caller who keeps many responses leaves memory for the next requests, for
the server and for this process. The gain: at 12 MB each way a call takes 0.84 of the time that copying takes.

Fork rule: parent and child never share an array. A region is memory that processes share, and a forked child would write into
its parent's arrays. So the regions of all arrays are made private before each fork: copy-on-write memory at the same address,
with the same contents. A region that was made private is *detached*: the server cannot reach its memory any more, and the pool
removes its file. Only a fork that Python does not see, as by a C library, would share arrays.
"""

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
from turnout_triton.client.shared_memory.region import FOLDER, SharedMemoryRegion

logger = logging.getLogger(__name__)

_MOST_BYTES = 1 << 28
_MOST_REGIONS = 32
_SHARE = 8


class LeaseBudget:
    """The limit on lent regions, one for all models of a process; a forked child has its own.

    Thread-safe: both counts change under ``_lock``.

    Attributes:
        returned: append the bytes of a region to return them. A deque, because an array may end in any thread at any moment,
            in the middle of a garbage collection too, where waiting for a lock could deadlock.
    """

    def __init__(self) -> None:
        self.renew()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with nothing lent."""
        self._lock = threading.RLock()
        self._regions = self._bytes = 0
        self.returned: deque[int] = deque()

    def reserve(self, size_bytes: int) -> bool:
        """Reserve a region of ``size_bytes``; return False if that exceeds the limit."""
        with self._lock:
            while self.returned:
                self._regions -= 1
                self._bytes -= self.returned.popleft()
            most = min(_MOST_BYTES, memory_bytes() // _SHARE)
            if self._regions >= _MOST_REGIONS or self._bytes + size_bytes > most:
                return False
            self._regions += 1
            self._bytes += size_bytes
            return True


class ArrayLeases:
    """Lends the regions of one pool to arrays, and returns each once when its last array is freed.

    Thread-safe: ``_lent``, ``_detached`` and ``_closed`` change under ``_lock``, reentrant because a signal handler may fork
    while its own thread holds it. ``_returned`` is a deque for the reason in ``LeaseBudget``.
    """

    budget: ClassVar[LeaseBudget] = LeaseBudget()

    def __init__(self) -> None:
        self._closed = False
        self._reset()
        Forks.renew(self)
        Forks.prepare(self)

    def lend(self, region: SharedMemoryRegion, size_bytes: int) -> NDArray[np.uint8] | None:
        """Return the first ``size_bytes`` of ``region`` as an array that holds it; None where the caller should copy."""
        # A region that is less than half full costs more memory than a copy.
        if 2 * size_bytes < region.size_bytes or self._closed or not self.budget.reserve(region.size_bytes):
            return None
        with self._lock:
            # First into _lent: a fork or an interrupt in between finds a region that is private or lost, never reused.
            self._lent[region.name] = region
            memory = np.frombuffer(region.read(size_bytes), np.uint8)
            # Bound to this process's deques: a copy of the array that ends in a child returns nothing to the child's.
            returns = (region.name, self._returned), (region.size_bytes, self.budget.returned)
            # Every view keeps ``memory`` alive, so its end is the end of the last view. Not at exit: the files go anyway.
            weakref.finalize(memory, self._record_end, *returns).atexit = False
        return memory

    def take_returned(self) -> list[SharedMemoryRegion]:
        """Return the regions whose last array is freed, each once; they may be reused."""
        if not self._returned:  # no lock on the way of most requests
            return []
        with self._lock:
            names = [self._returned.popleft() for _ in range(len(self._returned))]
            return [self._lent.pop(name) for name in names if name in self._lent]

    def take_detached(self) -> list[SharedMemoryRegion]:
        """Return the detached regions, each once; they must not be reused."""
        if not self._detached:
            return []
        with self._lock:
            detached = self._detached.copy()
            self._detached.clear()
        return detached

    def close(self) -> list[SharedMemoryRegion]:
        """Stop lending, and detach and return the regions that arrays still hold; the arrays stay valid."""
        self._closed = True
        self.around_fork()
        return self.take_detached()

    def around_fork(self) -> None:
        """Detach all lent regions; runs before a fork, and after it in the parent for what other threads lent meanwhile."""
        with self._lock:
            while self._lent:
                _, region = self._lent.popitem()
                self._detached.append(region)
                _make_private(region)

    def renew(self) -> None:
        """Start with nothing lent in a forked child, and make private what was lent in the moment of the fork."""
        # Without the lock: a thread that does not exist here may have held it.
        for region in list(self._lent.values()):
            _make_private(region)
        inherited = [*self._detached, *self._lent.values()]
        self._reset()
        for region in inherited:
            region.close()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._lent: dict[str, SharedMemoryRegion] = {}
        self._detached: list[SharedMemoryRegion] = []
        self._returned: deque[str] = deque()

    def _record_end(self, *returns: tuple[Any, deque[Any]]) -> None:
        """Record that the last array of a region is freed."""
        # A method, not a function: the finalizer keeps these leases, and their fork handlers, alive as long as the array.
        for value, returned in returns:
            returned.append(value)


def _make_private(region: SharedMemoryRegion) -> None:
    try:
        region.make_private()
    except OSError as error:  # a failed fork would be worse
        logger.warning("a response's array stays shared with a forked child: %s", error)


def memory_bytes() -> int:
    """Return how much shared memory the system has; 0 where it has none."""
    try:
        system = os.statvfs(FOLDER)
    except OSError:
        return 0
    return system.f_blocks * system.f_frsize
