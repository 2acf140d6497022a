"""Copies of mirrored tensors, within a bound on memory and on bytes a second.

The callers of the primary pay for these copies. Three measured costs shape this module (a virtual machine with 2 cores,
``benchmarks/shadow.py``):

- A copy of 12 MB takes 0.7 ms into memory that was touched before, and up to 60 ms into new memory, page by page. So a large
  copy is made only into prepared memory; without it the request is dropped.
- A thread that copies the inputs while the primary works reduces the caller's CPU from 0.6 ms to 0.2 ms a request (4 callers,
  12 MB each way). On a busy machine it reduced the delay of the 99th percentile from 10 to 14 ms to 2 to 5 ms.
- Copies of 5 GB a second fill the memory's bandwidth: each caller was 3 to 10 ms later. So bytes a second are bounded.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import DeviceTensor
from turnout.tensors.copies import size_of

Array = NDArray[Any]
Memory = NDArray[np.uint8]

SMALL_BYTES = 1 << 18
"""Below this size new memory has no measurable cost, and a thread is not worth its switch."""
BURST_SECONDS = 0.1
"""The rate saves up this much time: a burst of copies delays callers as much as a steady stream."""
COPY_SECONDS = 5.0
"""The longest wait for a copy in the thread, which takes milliseconds."""


class ByteRate:
    """A bound on bytes a second, which saves up ``BURST_SECONDS``. Not thread-safe."""

    def __init__(self, bytes_per_second: int) -> None:
        self._rate = bytes_per_second
        self._most = self._available = bytes_per_second * BURST_SECONDS
        self._updated = time.monotonic()

    def has_room(self) -> bool:
        """Return whether the bound allows another copy now."""
        now = time.monotonic()
        self._available = min(self._available + (now - self._updated) * self._rate, self._most)
        self._updated = now
        return self._available > 0

    def charge(self, size: int) -> None:
        """Subtract ``size`` bytes. A large copy may exceed the rest; the next one waits until the debt is paid."""
        self._available -= size


class Copying:
    """Arrays whose copy was started: the thread makes it, or the caller if the thread has not claimed it yet.

    Attributes:
        abandoned: set by a caller that may change the arrays before the copy is finished; then nothing may use the copy.
    """

    __slots__ = ("abandoned", "arrays", "claimed", "copies", "done")

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays
        self.abandoned = self.claimed = False
        self.copies: dict[str, Array] | None = None
        self.done = threading.Event()


class Copier:
    """Makes copies in reusable memory, of which it allocates ``max_bytes`` at most.

    Thread-safe: everything that changes is under ``_changed``. Its thread starts with the first large copy, makes copies and
    prepares memory.
    """

    def __init__(self, max_bytes: int, max_bytes_per_second: int, name: str) -> None:
        self._max_bytes = max_bytes
        self._rate = ByteRate(max_bytes_per_second)
        self._name = name
        self._changed = threading.Condition()
        self._queue: deque[Copying] = deque()
        self._free: defaultdict[int, list[Memory]] = defaultdict(list)
        # Bounded, because callers add to it faster than memory is made.
        self._missing: deque[int] = deque(maxlen=64)
        self._allocated_bytes = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    def has_room(self) -> bool:
        """Return whether the bound on bytes a second allows another copy now."""
        with self._changed:
            return self._rate.has_room()

    def charge(self, size: int) -> None:
        """Count ``size`` bytes against the bound on bytes a second."""
        with self._changed:
            self._rate.charge(size)

    def start(self, arrays: Mapping[str, Array]) -> Copying:
        """Start a copy of ``arrays``, which must not change before ``finish`` or ``cancel``. Does not block."""
        copying = Copying(arrays)
        if size_of(arrays) >= SMALL_BYTES:
            with self._changed:
                self._queue.append(copying)
                self._wake_thread()
        return copying

    def finish(self, copying: Copying) -> dict[str, Array] | None:
        """Return the copies, or None if there is no memory for them yet."""
        if self._claim(copying):
            return self.copy(copying.arrays)
        copying.done.wait(COPY_SECONDS)
        # The thread's error is not kept: the second attempt raises it again, in a thread that reports it.
        return copying.copies if copying.copies is not None else self.copy(copying.arrays)

    def cancel(self, copying: Copying) -> None:
        """Make no copy, or release the one that was made."""
        if not self._claim(copying):
            copying.done.wait(COPY_SECONDS)
            self.release((copying.copies or {}).values())

    def copy(self, arrays: Mapping[str, Array]) -> dict[str, Array] | None:
        """Return a copy of every array, from a GPU too; None if there is no memory for a large one yet."""
        copies: dict[str, Array] = {}
        try:
            for name, array in arrays.items():
                copied = self._copy(array)
                if copied is None:
                    return None
                copies[name] = copied
        finally:
            if len(copies) < len(arrays):
                self.release(copies.values())
        return copies

    def release(self, copies: Iterable[Array]) -> None:
        """Reuse the memory of ``copies``, which their owner no longer reads. Arrays of other origin are ignored."""
        for copied in copies:
            base = copied.base
            if copied.nbytes >= SMALL_BYTES and isinstance(base, np.ndarray) and base.nbytes == _room_of(copied.nbytes):
                with self._changed:
                    self._free[base.nbytes].append(base)

    def close(self, seconds: float) -> None:
        """Stop the thread; wait ``seconds`` at most."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(seconds)

    def _copy(self, array: Array) -> Array | None:
        if isinstance(array, DeviceTensor):
            return array.on_host()
        # Objects cannot be in memory of bytes, and BYTES elements are immutable.
        if array.nbytes < SMALL_BYTES or array.dtype.hasobject:
            return array.copy()
        memory = self._free_memory(_room_of(array.nbytes))
        if memory is None:
            return None
        copied: Array = memory[: array.nbytes].view(array.dtype).reshape(array.shape)
        np.copyto(copied, array)
        return copied

    def _free_memory(self, size: int) -> Memory | None:
        with self._changed:
            if self._free[size]:
                return self._free[size].pop()
            self._missing.append(size)
            self._wake_thread()
            return None

    def _wake_thread(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._changed.notify()

    def _claim(self, copying: Copying) -> bool:
        with self._changed:
            first = not copying.claimed
            copying.claimed = True
            return first

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._missing or self._closed)
                if self._closed and not self._queue:
                    return
                copying = self._queue.popleft() if self._queue else None
                size = 0 if copying else self._reserve_missing()
            if copying is not None and self._claim(copying):
                self._copy_claimed(copying)
            if size:
                self._allocate(size)

    def _copy_claimed(self, copying: Copying) -> None:
        try:
            copying.copies = self.copy(copying.arrays)
        except Exception:  # noqa: BLE001  # the caller copies again, and reports the error
            copying.copies = None
        finally:
            copying.done.set()

    def _reserve_missing(self) -> int:
        """Return a size that a copy lacked, or 0 if the bound allows no more. Free memory of other sizes is dropped first."""
        size = self._missing.popleft()
        for other, free in self._free.items():
            while free and other != size and self._allocated_bytes + size > self._max_bytes:
                free.pop()
                self._allocated_bytes -= other
        if self._allocated_bytes + size > self._max_bytes:
            return 0
        self._allocated_bytes += size
        return size

    def _allocate(self, size: int) -> None:
        try:
            memory = np.empty(size, np.uint8)
            # The write is what makes the pages exist; np.zeros would leave that to the first copy.
            memory.fill(0)
        except MemoryError:
            with self._changed:
                self._allocated_bytes -= size
            return
        with self._changed:
            self._free[size].append(memory)


def _room_of(size: int) -> int:
    """Return the size of the memory for a copy: an eighth more at most, so that tensors of similar sizes share it."""
    step = 1 << max(size.bit_length() - 4, 0)
    return -(-size // step) * step
