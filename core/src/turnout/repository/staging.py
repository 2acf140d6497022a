"""Where something is made before it is published, and the file system's means of publishing it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ExportError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # no locks there

LOCK_SECONDS = 60
"""How long one waits for another, who holds the lock for milliseconds."""

_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_AT_FDCWD = -100


@dataclass(frozen=True, slots=True)
class Stage:
    """An empty folder on the repository's file system, gone afterwards; ``beside`` the repository, or in the model's folder."""

    folder: Path
    beside: bool


@contextmanager
def stage_for(folder: Path) -> Iterator[Stage]:
    """Yield a stage for the model ``folder``, and make its repository.

    A server takes every folder of a repository for a model, a hidden one too, so the stage stands beside the repository. Where
    that is another file system or cannot be written, it stands in the model's folder, where servers look at numbers only.
    """
    repository = folder.parent
    repository.mkdir(parents=True, exist_ok=True)
    place = repository.resolve().parent
    beside = _usable(place, folder if folder.exists() else repository)
    prefix = f".{repository.resolve().name}.publishing-" if beside else ".publishing-"
    if not beside:
        folder.mkdir(exist_ok=True)
    with locked(repository):
        for abandoned in (place if beside else folder).glob(f"{prefix}*"):
            _remove_if_abandoned(abandoned)
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=place if beside else folder))
        descriptor = _hold(made)
    try:
        yield Stage(made, beside)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(descriptor)


def _usable(place: Path, target: Path) -> bool:
    real = target.resolve()
    # Beside a mount point means on the other side of it.
    return place.stat().st_dev == real.stat().st_dev and os.access(place, os.W_OK | os.X_OK) and not os.path.ismount(real)


def _hold(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    _try_lock(descriptor)
    return descriptor


def _remove_if_abandoned(folder: Path) -> None:
    """Remove what a killed export left: a living one holds the folder's lock."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if _try_lock(descriptor):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Keep every other export out of ``folder``; yield whether the file system could do that.

    Raises:
        ExportError: another one holds the lock for too long.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _lock(descriptor, folder)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> bool:
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            if _try_lock(descriptor):
                return True
        except OSError:
            return False
        if time.monotonic() > end:
            raise ExportError(
                f"model repository {str(folder)!r} has been locked by another export for {LOCK_SECONDS} s; "
                "end that one, then export again"
            )
        time.sleep(0.01)


def _try_lock(descriptor: int) -> bool:
    """Lock; return False if somebody else has the lock."""
    if fcntl is None:
        raise OSError(errno.ENOSYS, "this system has no such locks")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one atomic step; return False, with nothing done, where that cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    done = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_EXCHANGE))
    return int(done) == 0


def sync_file(file: Path) -> None:
    """Make a file's content last through a power cut.

    Raises:
        OSError: the disk is full or broken.
    """
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut, on systems that can."""
    with suppress(OSError):
        sync_file(folder)
