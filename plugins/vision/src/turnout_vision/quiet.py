"""Keeping Pillow's warnings from the app."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _Silence:
    """Ignores warnings of Pillow's own modules while anybody is inside.

    ``warnings.catch_warnings`` belongs to the process, not to the thread: nested blocks of two threads would put each other's
    filters back in the wrong order. So the first thread in sets the filter, the last one out restores; ``_lock`` guards both.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL(\.|\Z)")
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


_silence = _Silence()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Ignore what Pillow warns of inside the block; whatever matters is an error of ours. Thread-safe."""
    _silence.enter()
    try:
        yield
    finally:
        _silence.leave()
