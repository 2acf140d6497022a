"""A pool of the regions that this process shares with one server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict

from turnout.errors import TurnoutError
from turnout.forking import Forks
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.failures import FINISHED
from turnout_triton.client.messages import Buffer
from turnout_triton.client.shared_memory.leases import ArrayLeases
from turnout_triton.client.shared_memory.lost_regions import LostRegions
from turnout_triton.client.shared_memory.region import SharedMemoryRegion, dead_regions, remove_region
from turnout_triton.client.transport import RegionControl

_LEAST_BYTES = 1 << 20
_MOST_BYTES = 1 << 30
_CONTROL_SECONDS = 5.0
_CLOSE_SECONDS = 0.5


class RegionPool:
    """Registered regions for requests, reused by size: a power of two, so that other requests can reuse them.

    Thread-safe: ``_free``, ``_used``, ``_reserved_bytes`` and ``_closed`` change under ``_lock``. A forked child starts with an
    empty pool; the regions stay the parent's.
    """

    def __init__(self, control: RegionControl, url: str) -> None:
        self._control = control
        self._closed = False
        self._leases = ArrayLeases()
        self._lost: LostRegions[SharedMemoryRegion] = LostRegions(control.unregister_region, self._destroy, url)
        self._reset()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with an empty pool in a forked child, and close its copies of the parent's regions."""
        # The server still uses them for the parent, so nothing is unregistered.
        for region in (*self._used.values(), *(region for regions in self._free.values() for region in regions)):
            region.close()
        self._reset()

    def sweep(self, deadline: float) -> None:
        """Remove the regions of dead processes, and unregister them, until ``deadline``. Best effort."""
        dead = dead_regions()
        try:
            registered = set(self._control.registered_regions(_timeout(deadline))) if dead else set()
        except TurnoutError:
            return
        for name in dead:
            # The file stays where the server keeps its memory: the next sweep finds it by its name.
            if name not in registered or self._unregister(name, deadline):
                remove_region(name)

    def acquire(self, size_bytes: int, model: str, deadline: float) -> SharedMemoryRegion | None:
        """Return a registered region for ``model`` of at least ``size_bytes``; None where a limit is reached.

        Raises:
            TurnoutError: the server refuses it, or does not answer before ``deadline``.
            OSError: the system refuses it.
        """
        size = max(_LEAST_BYTES, 1 << (size_bytes - 1).bit_length())
        self._collect(deadline)
        if self._lost.are_too_many():
            return None
        with self._lock:
            if self._free[size]:
                return self._use(self._free[size].pop())
        if not self._reserve(size):
            self.make_room(deadline)
            if not self._reserve(size):
                return None
        try:
            return self._create(size, model, deadline)
        except OSError:  # /dev/shm may be full of our own free regions
            self.make_room(deadline)
            raise

    def make_room(self, deadline: float) -> bool:
        """Destroy all regions that no request uses, and return whether there were any."""
        with self._lock:
            free = [region for regions in self._free.values() for region in regions]
            self._free.clear()
        for region in free:
            self._remove(region, deadline)
        return self._lost.reclaim(deadline) or bool(free)

    def release(self, region: SharedMemoryRegion) -> None:
        """Return ``region`` to the pool for the next request."""
        with self._lock:
            is_own = self._used.pop(region.name, None) is not None
        if is_own:
            self._put_back(region)
        else:  # a request that a fork has moved to a child: the region is its parent's
            region.close()

    def lend(self, region: SharedMemoryRegion, size_bytes: int) -> Buffer | None:
        """Return the beginning of ``region`` as an array, whose end releases it; None where the caller should copy."""
        lent = self._leases.lend(region, size_bytes)
        if lent is not None:
            with self._lock:
                self._used.pop(region.name, None)
        return lent

    def retire(self, region: SharedMemoryRegion) -> None:
        """Close ``region`` here, never to be reused; it is removed once the server has unregistered it."""
        # Its request broke off or was late: the server may still read it, or write a late output into it.
        with self._lock:
            is_own = self._used.pop(region.name, None) is not None
        region.abandon()
        if is_own:
            self._lost.add(region)

    def register_again(self, region: SharedMemoryRegion, model: str, deadline: float) -> None:
        """Register ``region`` with a server that was restarted.

        Raises:
            TurnoutError: the server refuses it.
        """
        # Unregister first: a server that was not restarted refuses to register one name twice.
        with contextlib.suppress(TurnoutError):
            self._control.unregister_region(region.name, _timeout(deadline))
        self._control.register_region(region.name, region.size_bytes, model, _timeout(deadline))

    def close(self) -> None:
        """Unregister every region, as far as the server can be reached, and remove it."""
        lent = self._leases.close()
        with self._lock:
            self._closed = True
            regions = [*lent, *(region for regions in self._free.values() for region in regions)]
            self._free.clear()
        deadline = time.monotonic() + _CONTROL_SECONDS  # for all of them: a dead server delays close() once
        for region in regions:
            self._remove(region, deadline)
        self._lost.close(_CLOSE_SECONDS)

    def _reset(self) -> None:
        # Reentrant: a signal handler may use a model while its own thread holds the lock.
        self._lock = threading.RLock()
        self._free: dict[int, list[SharedMemoryRegion]] = defaultdict(list)
        self._used: dict[str, SharedMemoryRegion] = {}
        self._reserved_bytes = 0

    def _use(self, region: SharedMemoryRegion) -> SharedMemoryRegion:
        with self._lock:
            self._used[region.name] = region
        return region

    def _put_back(self, region: SharedMemoryRegion) -> None:
        with self._lock:
            if not self._closed:
                self._free[region.size_bytes].append(region)
                return
        self._remove(region, time.monotonic() + _CONTROL_SECONDS)  # outside of the lock: it calls the server

    def _create(self, size: int, model: str, deadline: float) -> SharedMemoryRegion:
        try:
            region = self._use(SharedMemoryRegion(size))
        except BaseException:
            self._unreserve(size)
            raise
        try:
            self._control.register_region(region.name, size, model, _timeout(deadline))
        except FINISHED:
            with self._lock:
                self._used.pop(region.name)
            self._destroy(region)
            raise
        except BaseException:  # the server may have registered it
            self.retire(region)
            raise
        return region

    def _collect(self, deadline: float) -> None:
        """Release the regions whose arrays are freed, and remove the detached ones."""
        for region in self._leases.take_returned():
            self._put_back(region)
        for region in self._leases.take_detached():
            self._remove(region, deadline)

    def _reserve(self, size: int) -> bool:
        """Reserve a region of ``size``; return False if that exceeds the limit."""
        with self._lock:
            fits = self._reserved_bytes + size <= _MOST_BYTES
            self._reserved_bytes += size if fits else 0
            return fits

    def _unreserve(self, size: int) -> None:
        with self._lock:
            self._reserved_bytes -= size

    def _remove(self, region: SharedMemoryRegion, deadline: float) -> None:
        """Unregister and destroy a region that no request uses."""
        if self._unregister(region.name, deadline) or self._closed:
            self._destroy(region)
            return
        region.abandon()
        self._lost.add(region)

    def _destroy(self, region: SharedMemoryRegion) -> None:
        region.destroy()
        self._unreserve(region.size_bytes)

    def _unregister(self, name: str, deadline: float) -> bool:
        """Unregister a region, and return whether the server confirmed it."""
        if time.monotonic() >= deadline:
            return False
        try:
            self._control.unregister_region(name, _timeout(deadline))
        except TurnoutError:
            return False
        return True


def _timeout(deadline: float) -> float:
    return min(_CONTROL_SECONDS, remaining_seconds(deadline))
