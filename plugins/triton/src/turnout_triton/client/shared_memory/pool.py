"""A pool of the regions that this process shares with one server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict

from turnout.errors import TurnoutError
from turnout.forking import Forks
from turnout_triton.client.deadlines import remaining_seconds
from turnout_triton.client.messages import Buffer
from turnout_triton.client.shared_memory.leases import ArrayLeases
from turnout_triton.client.shared_memory.region import SharedMemoryRegion, dead_regions, remove_region
from turnout_triton.client.transport import RegionControl

_LEAST_BYTES = 1 << 20
_MOST_BYTES = 1 << 30
_CONTROL_SECONDS = 5.0


class RegionPool:
    """Registered regions for requests, reused by size: a power of two, so that other requests can reuse them.

    Thread-safe: ``_free``, ``_retired``, ``_reserved_bytes`` and ``_closed`` change under ``_lock``. A forked child starts with
    an empty pool; the regions stay the parent's.
    """

    def __init__(self, control: RegionControl) -> None:
        self._control = control
        self._closed = False
        self._leases = ArrayLeases()
        self._reset()
        Forks.renew(self)

    def renew(self) -> None:
        """Start with an empty pool in a forked child, and close its copies of the parent's regions."""
        # The server still uses them for the parent, so nothing is unregistered.
        for region in (*self._retired, *(region for regions in self._free.values() for region in regions)):
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
        """Return a registered region for ``model`` of at least ``size_bytes``; None where the limit is reached.

        Raises:
            TurnoutError: the server refuses it, or does not answer before ``deadline``.
            OSError: the system refuses it.
        """
        size = max(_LEAST_BYTES, 1 << (size_bytes - 1).bit_length())
        self._collect(deadline)
        with self._lock:
            if self._free[size]:
                return self._free[size].pop()
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
            retired = self._retired.copy()
            self._retired.clear()
        for region in free:
            self._remove(region, deadline)
        # The server refuses to unregister a region that a request uses (2.51): then it is still in use, and stays.
        unused = [region for region in retired if self._unregister(region.name, deadline)]
        for region in unused:
            self._destroy(region)
        with self._lock:
            self._retired += [region for region in retired if region not in unused]
        return bool(free or unused)

    def release(self, region: SharedMemoryRegion) -> None:
        """Return ``region`` to the pool for the next request."""
        with self._lock:
            if not self._closed:
                self._free[region.size_bytes].append(region)
                return
        self._remove(region, time.monotonic() + _CONTROL_SECONDS)  # outside of the lock: it calls the server

    def lend(self, region: SharedMemoryRegion, size_bytes: int) -> Buffer | None:
        """Return the beginning of ``region`` as an array, whose end releases it; None where the caller should copy."""
        return self._leases.lend(region, size_bytes)

    def retire(self, region: SharedMemoryRegion) -> None:
        """Keep ``region`` from being reused; it counts against the limit until the server unregisters it."""
        # Its request broke off or was late: the server may still read it, or write a late output into it.
        with self._lock:
            self._retired.append(region)

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
            regions = [*lent, *self._retired, *(region for regions in self._free.values() for region in regions)]
            self._free.clear()
            self._retired.clear()
        deadline = time.monotonic() + _CONTROL_SECONDS  # for all of them: a dead server delays close() once
        for region in regions:
            self._remove(region, deadline)

    def _reset(self) -> None:
        # Reentrant: a signal handler may use a model while its own thread holds the lock.
        self._lock = threading.RLock()
        self._free: dict[int, list[SharedMemoryRegion]] = defaultdict(list)
        self._retired: list[SharedMemoryRegion] = []
        self._reserved_bytes = 0

    def _create(self, size: int, model: str, deadline: float) -> SharedMemoryRegion:
        region = None
        try:
            region = SharedMemoryRegion(size)
            self._control.register_region(region.name, size, model, _timeout(deadline))
        except BaseException:
            if region is not None:
                region.destroy()
            with self._lock:
                self._reserved_bytes -= size
            raise
        return region

    def _collect(self, deadline: float) -> None:
        """Release the regions whose arrays are freed, and remove the detached ones."""
        for region in self._leases.take_returned():
            self.release(region)
        for region in self._leases.take_detached():
            self._remove(region, deadline)

    def _reserve(self, size: int) -> bool:
        """Reserve a region of ``size``; return False if that exceeds the limit."""
        with self._lock:
            fits = self._reserved_bytes + size <= _MOST_BYTES
            self._reserved_bytes += size if fits else 0
            return fits

    def _remove(self, region: SharedMemoryRegion, deadline: float) -> None:
        self._unregister(region.name, deadline)
        self._destroy(region)

    def _destroy(self, region: SharedMemoryRegion) -> None:
        region.destroy()
        with self._lock:
            self._reserved_bytes -= region.size_bytes

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
