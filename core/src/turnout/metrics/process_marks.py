"""Which processes of the multi-process mode are alive, so that the gauges of dead ones can go.

Each process holds the lock on a file of its own, ``turnout_<pid>.lock``, beside the files of its metrics; the kernel releases
it however the process ends. A pid alone says less: another process may have it by now, and a process in another container that
shares the folder has a pid of that container.
"""

from __future__ import annotations

import os
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path

from turnout.files.lock import try_lock, wait_for_lock
from turnout.files.regular import append_to_own
from turnout.forking import Forks

_LOCK_SECONDS = 2.0
"""A scrape that removes what a dead process left holds that lock for a moment."""


class ProcessMark:
    """The lock of this process. A forked child takes one of its own."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._folder: Path | None = None
        self._descriptor: int | None = None
        Forks.renew(self)

    def hold(self, folder: Path) -> None:
        """Take the lock of this process in ``folder``, and remove gauges that a dead process with the same pid left there.

        Do nothing if this process has it already, or if the file system has no locks: then gauges of dead processes stay.

        Raises:
            TimeoutError: a living process with this pid writes to the folder, such as one in another container.
            OSError: the file cannot be written.
        """
        if self._descriptor is not None and self._folder == folder:
            return
        self.release()
        file = folder / f"turnout_{os.getpid()}.lock"
        is_left = file.exists()
        # A descriptor, which no garbage collection closes: the lock is held to the end of the process.
        with _locked(file) as stream:
            self._descriptor = os.dup(stream.fileno())
        self._folder = folder
        if is_left:
            _remove_gauges(folder, os.getpid())

    def is_lost(self) -> bool:
        """Return whether the file of the lock was removed, with the folder perhaps, while this process held it."""
        if self._descriptor is None or self._folder is None:
            return False
        try:
            there = (self._folder / f"turnout_{self._pid}.lock").stat()
        except OSError:
            return True
        return not os.path.samestat(os.fstat(self._descriptor), there)

    def renew(self) -> None:
        """Take a lock for this child. Closing the parent's file here does not release the parent's lock."""
        if self._pid == os.getpid():
            return
        self._pid, folder = os.getpid(), self._folder
        self.release()
        if folder is not None:
            # Where the folder is gone, the first write logs it.
            with suppress(OSError):
                self.hold(folder)

    def release(self) -> None:
        """Close this process's copy of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._folder = self._descriptor = None


def remove_dead_gauges(folder: Path) -> None:
    """Remove the gauges of dead processes from ``folder``; counters and histograms stay, because they count what happened."""
    for file in folder.glob("turnout_*.lock"):
        # Another scrape may remove the same files.
        with suppress(OSError, ValueError), append_to_own(file) as stream:
            pid = int(file.stem.removeprefix("turnout_"))
            if try_lock(stream.fileno()):
                _remove_gauges(folder, pid)
                file.unlink(missing_ok=True)


def _locked(file: Path) -> BufferedWriter:
    while True:
        stream = append_to_own(file)
        try:
            _wait(stream)
            if _is_at(stream, file):
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()


def _wait(stream: BufferedWriter) -> None:
    try:
        wait_for_lock(stream.fileno(), _LOCK_SECONDS)
    except TimeoutError:
        raise
    except OSError:  # a file system without locks
        return


def _is_at(stream: BufferedWriter, file: Path) -> bool:
    """Return whether the locked file is still there: a scrape may have removed it before it was locked."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), file.stat())
    except FileNotFoundError:
        return False


def _remove_gauges(folder: Path, pid: int) -> None:
    # The names are those of prometheus_client; its mark_process_dead removes the same files.
    for file in folder.glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)
