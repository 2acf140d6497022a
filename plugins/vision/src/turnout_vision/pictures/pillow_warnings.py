"""Pillow's warnings, kept from the app."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _WarningFilter:
    """Ignores the warnings of Pillow's modules while at least one thread is inside. Thread-safe.

    ``warnings.catch_warnings`` changes the process, not the thread: nested blocks of two threads would restore each other's
    filters in the wrong order. So the first thread that enters sets the filter, and the last one that leaves restores;
    ``_lock`` guards both.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL(\.|\Z)")
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_filter = _WarningFilter()


@contextmanager
def ignore_pillow_warnings() -> Iterator[None]:
    """Ignore Pillow's warnings inside the block; a broken picture is an error of ours instead. Thread-safe."""
    _filter.enter()
    try:
        yield
    finally:
        _filter.leave()
