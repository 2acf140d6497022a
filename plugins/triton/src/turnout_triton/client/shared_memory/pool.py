"""The regions that one process shares with one server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict

from turnout.errors import TurnoutError
from turnout.forking import Forks
from turnout_triton.client.messages import Buffer, RegionControl
from turnout_triton.client.shared_memory.leases import Leases
from turnout_triton.client.shared_memory.region import Region, dead_regions, remove_region

_LEAST_BYTES = 1 << 20
_MOST_BYTES = 1 << 30
_CONTROL_SECONDS = 5.0


class RegionPool:
    """Hands out registered regions and takes them back; sizes are powers of two, so that they fit again.

    Thread-safe: ``_free``, ``_lost``, ``_taken_bytes`` and ``_closed`` change under ``_lock``. A forked child starts with an
    empty pool; the regions stay the parent's. A region whose request broke off may still be read or written by the server: it
    is never used again, and counts against the limit until the server lets go of it.
    """

    def __init__(self, control: RegionControl) -> None:
        self._control = control
        self._closed = False
        self._leases = Leases()
        self._start()
        Forks.renew(self)

    def renew(self) -> None:
        """Start anew in a forked child; its copies of the regions end here without a word to the server."""
        for region in (*self._lost, *(region for regions in self._free.values() for region in regions)):
            region.leave()
        self._start()

    def sweep(self, deadline: float) -> None:
        """Remove the regions of dead processes, here and from the server's memory, until ``deadline``. Best effort."""
        dead = dead_regions()
        try:
            known = set(self._control.registered_regions(_seconds(deadline))) if dead else set()
        except TurnoutError:
            return
        for name in dead:
            if name not in known or self._forgotten(name, deadline):
                remove_region(name)

    def take(self, size_bytes: int, model: str, deadline: float) -> Region | None:
        """Return a region for ``model`` of at least ``size_bytes`` that the server knows; None where the limit is reached.

        Raises:
            TurnoutError: the server refuses it, or does not answer before ``deadline``.
            OSError: the system refuses it.
        """
        size = max(_LEAST_BYTES, 1 << (size_bytes - 1).bit_length())
        self._tidy(deadline)
        with self._lock:
            if self._free[size]:
                return self._free[size].pop()
        if not self._counted(size):
            self.make_room(deadline)
            if not self._counted(size):
                return None
        try:
            return self._made(size, model, deadline)
        except OSError:  # perhaps for want of memory
            self.make_room(deadline)
            raise

    def make_room(self, deadline: float) -> bool:
        """Destroy what no request uses now, and tell whether that was anything."""
        with self._lock:
            free = [region for regions in self._free.values() for region in regions]
            self._free.clear()
            lost = self._lost.copy()
            self._lost.clear()
        for region in free:
            self._end(region, deadline)
        # The server refuses to forget a region that is in use (2.51).
        gone = [region for region in lost if self._forgotten(region.name, deadline)]
        for region in gone:
            self._destroyed(region)
        with self._lock:
            self._lost += [region for region in lost if region not in gone]
        return bool(free or gone)

    def give_back(self, region: Region) -> None:
        """Take ``region`` back for the next request."""
        with self._lock:
            if not self._closed:
                self._free[region.size_bytes].append(region)
                return
        self._end(region, time.monotonic() + _CONTROL_SECONDS)

    def lend(self, region: Region, size_bytes: int) -> Buffer | None:
        """Return the beginning of ``region``, which comes back when nobody holds that any more; None: copy it."""
        return self._leases.lend(region, size_bytes)

    def lose(self, region: Region) -> None:
        """Keep ``region`` from being used again."""
        with self._lock:
            self._lost.append(region)

    def register_again(self, region: Region, model: str, deadline: float) -> None:
        """Make ``region`` known to a server that has forgotten it.

        Raises:
            TurnoutError: the server refuses it.
        """
        with contextlib.suppress(TurnoutError):
            self._control.unregister_region(region.name, _seconds(deadline))
        self._control.register_region(region.name, region.size_bytes, model, _seconds(deadline))

    def close(self) -> None:
        """Remove every region, here and from the server's memory, as far as it can be reached."""
        lent = self._leases.close()
        with self._lock:
            self._closed = True
            regions = [*lent, *self._lost, *(region for regions in self._free.values() for region in regions)]
            self._free.clear()
            self._lost.clear()
        deadline = time.monotonic() + _CONTROL_SECONDS
        for region in regions:
            self._end(region, deadline)

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._free: dict[int, list[Region]] = defaultdict(list)
        self._lost: list[Region] = []
        self._taken_bytes = 0

    def _made(self, size: int, model: str, deadline: float) -> Region:
        region = None
        try:
            region = Region(size)
            self._control.register_region(region.name, size, model, _seconds(deadline))
        except BaseException:
            if region is not None:
                region.destroy()
            with self._lock:
                self._taken_bytes -= size
            raise
        return region

    def _tidy(self, deadline: float) -> None:
        """Take back what answers no longer hold, and end what a fork left of them."""
        for region in self._leases.ended():
            self.give_back(region)
        for region in self._leases.parted():
            self._end(region, deadline)

    def _counted(self, size: int) -> bool:
        """Count a region of ``size`` if the limit allows it."""
        with self._lock:
            fits = self._taken_bytes + size <= _MOST_BYTES
            self._taken_bytes += size if fits else 0
            return fits

    def _end(self, region: Region, deadline: float) -> None:
        self._forgotten(region.name, deadline)
        self._destroyed(region)

    def _destroyed(self, region: Region) -> None:
        region.destroy()
        with self._lock:
            self._taken_bytes -= region.size_bytes

    def _forgotten(self, name: str, deadline: float) -> bool:
        """Have the server forget a region, and tell whether it did."""
        if time.monotonic() >= deadline:
            return False
        try:
            self._control.unregister_region(name, _seconds(deadline))
        except TurnoutError:
            return False
        return True


def _seconds(deadline: float) -> float:
    return max(0.001, min(_CONTROL_SECONDS, deadline - time.monotonic()))
