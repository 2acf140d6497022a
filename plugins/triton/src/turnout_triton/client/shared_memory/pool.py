"""The regions that one process shares with one server."""

from __future__ import annotations

import threading
from collections import defaultdict

from turnout.errors import TurnoutError
from turnout_triton.client.forks import Forks
from turnout_triton.client.messages import RegionControl
from turnout_triton.client.shared_memory.region import Region, dead_regions, remove_region

_LEAST_BYTES = 1 << 20
_MOST_BYTES = 1 << 30
_CONTROL_SECONDS = 5.0


class RegionPool:
    """Hands out registered regions and takes them back; sizes are powers of two, so that they fit again.

    Thread-safe: ``_free``, ``_lost`` and ``_taken_bytes`` change under ``_lock``. A forked child starts with an empty pool; the
    regions stay the parent's. A region whose request broke off may still be read or written by the server: it is never used
    again, and counts against the limit until ``close``.
    """

    def __init__(self, control: RegionControl) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._free: dict[int, list[Region]] = defaultdict(list)
        self._lost: list[Region] = []
        self._taken_bytes = 0
        self._forks = Forks.count

    def sweep(self) -> None:
        """Remove the regions of dead processes, here and from the server's memory. Best effort."""
        dead = dead_regions()
        try:
            known = set(self._control.registered_regions(_CONTROL_SECONDS)) if dead else set()
            for name in known.intersection(dead):
                self._control.unregister_region(name, _CONTROL_SECONDS)
        except TurnoutError:
            return
        for name in dead:
            remove_region(name)

    def take(self, size_bytes: int) -> Region | None:
        """Return a region of at least ``size_bytes`` that the server knows; None where the limit is reached.

        Raises:
            TurnoutError: the server refuses it.
            OSError: the system refuses it.
        """
        size = max(_LEAST_BYTES, 1 << (size_bytes - 1).bit_length())
        with self._lock:
            self._start_anew_after_a_fork()
            if self._free[size]:
                return self._free[size].pop()
            if self._taken_bytes + size > _MOST_BYTES:
                return None
            self._taken_bytes += size
        return self._made(size)

    def give_back(self, region: Region) -> None:
        """Take ``region`` back for the next request."""
        with self._lock:
            self._free[region.size_bytes].append(region)

    def lose(self, region: Region) -> None:
        """Keep ``region`` from being used again."""
        with self._lock:
            self._lost.append(region)

    def register_again(self, region: Region) -> None:
        """Make ``region`` known to a server that has forgotten it.

        Raises:
            TurnoutError: the server refuses it.
        """
        try:
            self._control.unregister_region(region.name, _CONTROL_SECONDS)
        finally:
            self._control.register_region(region.name, region.size_bytes, _CONTROL_SECONDS)

    def close(self) -> None:
        """Remove every region, here and from the server's memory, as far as it can be reached."""
        with self._lock:
            regions = [*self._lost, *(region for regions in self._free.values() for region in regions)]
            self._free.clear()
            self._lost.clear()
            if self._forks != Forks.count:
                return
        reachable = True
        for region in regions:
            reachable = reachable and self._forgotten(region)
            region.destroy()

    def _made(self, size: int) -> Region:
        region = None
        try:
            region = Region(size)
            self._control.register_region(region.name, size, _CONTROL_SECONDS)
        except BaseException:
            if region is not None:
                region.destroy()
            with self._lock:
                self._taken_bytes -= size
            raise
        return region

    def _forgotten(self, region: Region) -> bool:
        try:
            self._control.unregister_region(region.name, _CONTROL_SECONDS)
        except TurnoutError:
            return False
        return True

    def _start_anew_after_a_fork(self) -> None:
        if self._forks != Forks.count:
            self._free, self._lost, self._taken_bytes, self._forks = defaultdict(list), [], 0, Forks.count
