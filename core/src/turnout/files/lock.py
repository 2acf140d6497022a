"""Locks between processes, on open files and folders: ``flock(2)``.

A system without ``flock``, such as Windows, has no such locks: there ``file_lock`` does not wait, and two processes may
overwrite each other's changes to a shared file.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from turnout.files.regular import append_to_own

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # the module is missing on Windows

LOCK_SECONDS = 5.0
"""How long ``file_lock`` waits for another process."""

_POLL_SECONDS = 0.005


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder until it is closed; return False if another process holds the lock.

    Raises:
        OSError: the system or the file system has no such locks.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, "this system has no file locks")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int, seconds: float) -> None:
    """Lock an open file or folder until it is closed; blocks.

    Raises:
        TimeoutError: another process has held the lock for ``seconds``.
        OSError: the system or the file system has no such locks.
    """
    end = time.monotonic() + seconds
    # Polled: a blocking flock cannot be given a time limit without a signal, which belongs to the main thread.
    while not try_lock(descriptor):
        if time.monotonic() > end:
            raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock")
        time.sleep(_POLL_SECONDS)


@contextmanager
def file_lock(file: Path) -> Iterator[None]:
    """Hold the lock on ``file``, which is created if it does not exist.

    Raises:
        TimeoutError: another process has held the lock for ``LOCK_SECONDS``.
        OSError: the file cannot be opened, or is no regular file.
    """
    if fcntl is None:
        yield
        return
    with append_to_own(file) as stream:
        try:
            wait_for_lock(stream.fileno(), LOCK_SECONDS)
        except TimeoutError as error:
            raise TimeoutError(error.errno, error.strerror, str(file)) from None
        try:
            yield
        finally:
            # Closing is not enough: a child that was forked meanwhile has the file open too, and would keep the lock.
            fcntl.flock(stream, fcntl.LOCK_UN)
