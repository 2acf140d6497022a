"""Copying the inputs of a request while the primary works on them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from turnout.rollout.shadow.buffers import SMALL_BYTES, Buffers
from turnout.tensors.copies import size_of

Tensors = Mapping[str, NDArray[Any]]

COPY_SECONDS = 5.0
"""How long a caller waits at most for the rest of a copy, which takes milliseconds."""


class Copying:
    """Tensors on their way to a copy: made by the copier's thread, or by the caller if that has not begun."""

    __slots__ = ("arrays", "begun", "copies", "done")

    def __init__(self, arrays: Tensors) -> None:
        self.arrays = arrays
        self.begun = False
        self.copies: Tensors | None = None
        self.done = threading.Event()


class Copier:
    """Copies large inputs in a thread of its own, which starts with the first. Thread-safe: all is under ``_changed``."""

    def __init__(self, buffers: Buffers, name: str) -> None:
        self._buffers = buffers
        self._name = name
        self._changed = threading.Condition()
        self._waiting: deque[Copying] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False

    def begin(self, arrays: Tensors) -> Copying:
        """Have ``arrays``, which nobody writes to before ``finish`` or ``cancel``, copied if that is worth a thread."""
        copying = Copying(arrays)
        if size_of(arrays) >= SMALL_BYTES:
            with self._changed:
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()
                self._waiting.append(copying)
                self._changed.notify()
        return copying

    def finish(self, copying: Copying) -> Tensors:
        """Return the copies.

        Raises:
            NotPreparedError: there is no memory yet.
        """
        if self._claim(copying):
            return self._buffers.copy(copying.arrays)
        copying.done.wait(COPY_SECONDS)
        # What went wrong in the thread goes wrong again here, where somebody hears of it.
        return copying.copies if copying.copies is not None else self._buffers.copy(copying.arrays)

    def cancel(self, copying: Copying) -> None:
        """Make no copy, or give it back."""
        if not self._claim(copying):
            copying.done.wait(COPY_SECONDS)
            self._buffers.give_back((copying.copies or {}).values())

    def close(self, seconds: float) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(seconds)

    def _claim(self, copying: Copying) -> bool:
        with self._changed:
            first = not copying.begun
            copying.begun = True
            return first

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                copying = self._waiting.popleft()
            if self._claim(copying):
                self._copy(copying)

    def _copy(self, copying: Copying) -> None:
        try:
            copying.copies = self._buffers.copy(copying.arrays)
        except Exception:  # noqa: BLE001  # the caller tries again, and tells
            copying.copies = None
        finally:
            copying.done.set()
