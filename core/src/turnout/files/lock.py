"""A lock between processes, on a file that is there for nothing else."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where processes that share a file may overwrite each other's work
    fcntl = None  # type: ignore[assignment]

LOCK_SECONDS = 5.0
"""How long another process may hold it."""
_LOOK_SECONDS = 0.005


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Be alone among all who lock ``file``, which is made if it is not there. Nothing waits where there are no such locks.

    Raises:
        TimeoutError: another process has not released it within ``LOCK_SECONDS``.
        OSError: the file cannot be opened.
    """
    if fcntl is None:
        yield
        return
    with file.open("ab") as stream:
        _lock(stream.fileno(), file)
        try:
            yield
        finally:
            # Closing is not enough: a child that was forked meanwhile has the file open too, and would keep the lock.
            fcntl.flock(stream, fcntl.LOCK_UN)


def _lock(descriptor: int, file: Path) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, "another process has not released it", str(file)) from None
        time.sleep(_LOOK_SECONDS)
