"""Copies of tensors in memory that is there already.

A copy of 12 MB into memory that was touched before took 0.7 ms; into new memory up to 60 ms, page by page (a virtual machine
with 2 cores). The caller of a mirrored request pays for its copies, so large ones only go where a thread of the shadow's has
prepared room.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.tensors import DeviceTensor

Array = NDArray[Any]
Memory = NDArray[np.uint8]

SMALL_BYTES = 1 << 18
"""Below this, new memory costs nothing that could be measured."""


class NotPreparedError(Exception):
    """There is no memory for a large copy yet; ``Buffers.prepare`` makes some."""


class Buffers:
    """Makes copies, and takes their memory back. Thread-safe: everything is under ``_lock``.

    It makes ``max_bytes`` at most of memory for large copies.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._free: defaultdict[int, list[Memory]] = defaultdict(list)
        self._wanted: deque[int] = deque(maxlen=64)
        self._made_bytes = 0
        self._lock = threading.Lock()

    @property
    def wanted(self) -> bool:
        """Whether a copy was refused for want of memory since the last ``prepare``."""
        return bool(self._wanted)

    def copy(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return a copy of every array; a tensor on a GPU comes to this process's memory.

        Raises:
            NotPreparedError: there is no memory yet.
        """
        copies: dict[str, Array] = {}
        try:
            for name, array in arrays.items():
                copies[name] = self._copy(array)
        except BaseException:
            self.give_back(copies.values())
            raise
        return copies

    def give_back(self, copies: Iterable[Array]) -> None:
        """Take the memory of ``copies`` back; nobody may use them afterwards."""
        for copied in copies:
            base = copied.base
            if copied.nbytes >= SMALL_BYTES and isinstance(base, np.ndarray) and base.nbytes == _room_of(copied.nbytes):
                with self._lock:
                    self._free[base.nbytes].append(base)

    def prepare(self) -> None:
        """Make the memory that copies have lacked, as far as the bound allows; what lies free in other sizes makes room."""
        while self._wanted:
            with self._lock:
                size = self._wanted.popleft()
                self._make_room(size)
                if self._made_bytes + size > self._max_bytes:
                    continue
                self._made_bytes += size
            memory = np.empty(size, np.uint8)
            memory.fill(0)
            with self._lock:
                self._free[size].append(memory)

    def _copy(self, array: Array) -> Array:
        if isinstance(array, DeviceTensor):
            return array.on_host()
        if array.nbytes < SMALL_BYTES or array.dtype.hasobject:
            return array.copy()
        memory = self._memory(_room_of(array.nbytes))
        copied: Array = memory[: array.nbytes].view(array.dtype).reshape(array.shape)
        np.copyto(copied, array)
        return copied

    def _memory(self, size: int) -> Memory:
        with self._lock:
            free = self._free[size]
            if free:
                return free.pop()
            self._wanted.append(size)
        raise NotPreparedError

    def _make_room(self, size: int) -> None:
        for other, free in self._free.items():
            while free and other != size and self._made_bytes + size > self._max_bytes:
                free.pop()
                self._made_bytes -= other


def _room_of(size: int) -> int:
    """Return the size of the memory for a copy: an eighth more at most, so that tensors of similar sizes share it."""
    step = 1 << max(size.bit_length() - 4, 0)
    return -(-size // step) * step
