"""The regions whose memory an answer's arrays hold."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from turnout.forking import Forks
from turnout_triton.client.shared_memory.region import FOLDER, Region

_MOST_BYTES = 1 << 28
_SHARE = 8


class Leases:
    """Lends the memory of regions to arrays, without a copy, until the last array of it is gone.

    At most 256 MiB, or an eighth of what the system has for shared memory, is lent at once, and no region that is mostly empty:
    who keeps many answers shall not leave the next requests without regions. An array is like any other over a fork: before
    it, what is lent becomes memory of this process alone, which the child gets a copy of; such regions go to ``lose``.

    Thread-safe: ``_lent``, ``_lent_bytes`` and ``_closed`` change under ``_lock``. ``_ended`` is a deque, because an array may
    end in any thread at any moment, one that holds the lock included.
    """

    def __init__(self, lose: Callable[[Region], None]) -> None:
        self._lose = lose
        self._most_bytes = min(_MOST_BYTES, _memory_bytes() // _SHARE)
        self._closed = False
        self.renew()
        Forks.renew(self)
        Forks.prepare(self)

    def lend(self, region: Region, size_bytes: int) -> NDArray[np.uint8] | None:
        """Return the beginning of ``region``, which it and every view of it hold; None where it is better copied."""
        if 2 * size_bytes < region.size_bytes:
            return None
        with self._lock:
            if self._closed or self._lent_bytes + region.size_bytes > self._most_bytes:
                return None
            self._lent[region.name] = region
            self._lent_bytes += region.size_bytes
            memory = np.frombuffer(region.read(size_bytes), np.uint8)
            # With this process's deque: the end of a child's copy is none of the region's.
            weakref.finalize(memory, self._ended.append, region.name).atexit = False
        return memory

    def ended(self) -> list[Region]:
        """Return the regions that nobody holds any more, once."""
        if not self._ended:
            return []
        with self._lock:
            return [region for region in map(self._taken_back, self._drained()) if region is not None]

    def close(self) -> list[Region]:
        """Lend no more, and return the regions that are still held; what holds them keeps its memory."""
        with self._lock:
            self._closed = True
            return self._all_private()

    def before_fork(self) -> None:
        """Make what is lent this process's own; nothing is lent until the fork is over."""
        self._lock.acquire()
        for region in self._all_private():
            self._lose(region)

    def after_fork(self) -> None:
        """Lend again."""
        self._lock.release()

    def renew(self) -> None:
        """Start with nothing lent, here and in a forked child."""
        self._lock = threading.Lock()
        self._lent: dict[str, Region] = {}
        self._lent_bytes = 0
        self._ended: deque[str] = deque()

    def _all_private(self) -> list[Region]:
        """Return what was lent, which belongs to its holders alone now. Under the lock."""
        regions = list(self._lent.values())
        self._lent.clear()
        self._lent_bytes = 0
        for region in regions:
            region.make_private()
        return regions

    def _drained(self) -> list[str]:
        return [self._ended.popleft() for _ in range(len(self._ended))]

    def _taken_back(self, name: str) -> Region | None:
        region = self._lent.pop(name, None)
        self._lent_bytes -= 0 if region is None else region.size_bytes
        return region


def _memory_bytes() -> int:
    system = os.statvfs(FOLDER)
    return system.f_blocks * system.f_frsize
