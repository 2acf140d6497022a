"""Staging folders for publishing, and the atomic exchange of two folders."""

from __future__ import annotations

import ctypes
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ExportError
from turnout.files.lock import try_lock, wait_for_lock

LOCK_SECONDS = 60
"""How long an export waits for another, which normally holds the lock for milliseconds."""

_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_AT_FDCWD = -100
_CONTENT = frozenset({"version", "whole"})
_STAGE = re.compile(r"[a-z0-9_]{8}")
"""The end of a stage's name, as ``tempfile`` makes it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A temporary folder on the repository's file system.

    Attributes:
        folder: the folder; empty at first.
        beside: it is next to the repository; otherwise it is inside the model's folder.
    """

    folder: Path
    beside: bool


@contextmanager
def stage_for(folder: Path) -> Iterator[Stage]:
    """Yield a stage for the model ``folder``, and create its repository; the stage is removed at the end.

    Triton loads every folder of a repository as a model, hidden ones too, so the stage is next to the repository. If that is
    another file system or not writable, it is in the model's folder, where Triton reads version numbers only.
    """
    repository = folder.parent
    repository.mkdir(parents=True, exist_ok=True)
    place = repository.resolve().parent
    beside = _is_usable(place, folder if folder.exists() else repository)
    prefix = f".{repository.resolve().name}.publishing-" if beside else ".publishing-"
    if not beside:
        folder.mkdir(exist_ok=True)
    with repository_lock(repository):
        for abandoned in (place if beside else folder).glob(f"{glob.escape(prefix)}*"):
            if not abandoned.is_symlink() and _STAGE.fullmatch(abandoned.name.removeprefix(prefix)):
                _remove_if_abandoned(abandoned)
        created = Path(tempfile.mkdtemp(prefix=prefix, dir=place if beside else folder))
        descriptor = _open_locked(created)
    try:
        yield Stage(created, beside)
    finally:
        shutil.rmtree(created, ignore_errors=True)
        os.close(descriptor)


def _is_usable(place: Path, target: Path) -> bool:
    real = target.resolve()
    # The parent of a mount point is on another file system, where a rename into the repository fails.
    return place.stat().st_dev == real.stat().st_dev and os.access(place, os.W_OK | os.X_OK) and not os.path.ismount(real)


def _open_locked(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    # Without locks no export may remove the stage of another; a killed one then leaves its stage behind.
    with suppress(OSError):
        try_lock(descriptor)
    return descriptor


def _remove_if_abandoned(folder: Path) -> None:
    """Remove the stage of a killed export: a running one holds the lock on its stage."""
    with suppress(OSError):
        # A pipe of that name would wait for its other end.
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0))
        try:
            # A folder with anything else is a user's, whatever its name is.
            own = all(entry.name in _CONTENT or entry.name.startswith("file-") for entry in folder.iterdir())
            if own and try_lock(descriptor):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


@contextmanager
def repository_lock(folder: Path) -> Iterator[bool]:
    """Hold the lock on the repository ``folder``; yield False if its file system has no locks.

    Raises:
        ExportError: another export has held the lock for ``LOCK_SECONDS``.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _wait(descriptor, folder)
    finally:
        os.close(descriptor)


def _wait(descriptor: int, folder: Path) -> bool:
    try:
        wait_for_lock(descriptor, LOCK_SECONDS)
    except TimeoutError as error:
        raise ExportError(
            f"model repository {str(folder)!r} has been locked by another export for {LOCK_SECONDS} s; "
            "wait for that export or stop it, then export again"
        ) from error
    except OSError:
        return False
    return True


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one atomic step; return False, with nothing changed, on systems that cannot."""
    # Python has no binding for renameat2(2); both folders keep existing, so a reader never finds the name missing.
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    done = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_EXCHANGE))
    return int(done) == 0
