"""A writer of records: several processes may share its folder, which never exceeds its bounds."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from turnout.files.lock import file_lock, try_lock
from turnout.files.temporary import temporary
from turnout.recording.manifest import MANIFEST, append_line, keep_lines
from turnout.recording.policy import RecordingPolicy
from turnout.recording.recorded_request import RecordedRequest

_PART = ".part"
# The folder may hold files of a user: only what has a name of ours is counted and removed.
_RECORD = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}-[0-9]+-[0-9]{6,}\.npz")
_ABANDONED_SECONDS = 3600
# Its writer may not have locked it yet.
_JUST_CREATED_SECONDS = 1.0
_numbers = itertools.count(1)


class RecordingWriter:
    """Writes the records of one model. Safe with other threads and processes: a lock file in the folder."""

    def __init__(self, model: str, policy: RecordingPolicy) -> None:
        self._model = model
        self._policy = policy
        self._folder = policy.folder
        self._sizes: dict[str, int] = {}
        self._seen: tuple[int, int] | None = None

    def add(self, record: RecordedRequest) -> bool:
        """Write ``record`` to disk; return whether there was room for it. Blocks.

        Raises:
            OSError: the write failed; the folder has no part of the record.
            InvalidTensorError: an array has no KServe datatype.
        """
        # Users' data: no other user of the machine may read it.
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{next(_numbers):06d}.npz"
        # The slow part, with its fsync, happens outside of the lock; inside are a rename and a line.
        with temporary(self._folder / f".{name}{_PART}") as part, _open_locked(part) as stream:
            size = _write(stream, record)
            with self._lock_folder():
                if not self._make_room(size):
                    return False
                part.rename(self._folder / name)
                append_line(self._folder, self._model, {"file": name, "bytes": size, **record.facts()})
                self._sizes[name] = size
                self._seen = self._manifest_version()
                return True

    def _make_room(self, size: int) -> bool:
        policy = self._policy
        if size > policy.max_bytes:
            return False
        count, total = len(self._sizes) + 1, sum(self._sizes.values()) + size
        leaving = 0
        for its_size in self._sizes.values():
            if count - leaving <= policy.max_requests and total <= policy.max_bytes:
                break
            leaving += 1
            total -= its_size
        if not leaving:
            return True
        if policy.when_full == "stop":
            return False
        # A tenth at once, because each removal rewrites the whole manifest.
        self._remove(list(self._sizes)[: max(leaving, len(self._sizes) // 10)])
        return True

    def _remove(self, names: list[str]) -> None:
        for name in names:
            del self._sizes[name]
        # The manifest first: a record without a line is still readable, a line without its record is reported as lost.
        keep_lines(self._folder, self._model, self._sizes)
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def _lock_folder(self) -> Iterator[None]:
        with file_lock(self._folder / ".lock"):
            if self._seen is None or self._seen != self._manifest_version():
                self._scan()
            yield

    def _manifest_version(self) -> tuple[int, int] | None:
        """Return the inode and size of the manifest: every record of any process changes one of them."""
        try:
            found = (self._folder / MANIFEST).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size

    def _scan(self) -> None:
        """List the records, and delete partial files of killed processes."""
        self._sizes = {}
        for entry in sorted(os.scandir(self._folder), key=lambda entry: entry.name):
            # A pipe would block, and a link leads elsewhere.
            own = _RECORD.fullmatch(entry.name.removeprefix(".").removesuffix(_PART))
            if not own or not entry.is_file(follow_symlinks=False):
                continue
            if entry.name.endswith(_PART):
                _remove_if_abandoned(Path(entry.path))
            elif entry.name.endswith(".npz"):
                self._sizes[entry.name] = entry.stat().st_size


@contextmanager
def _open_locked(part: Path) -> Iterator[BinaryIO]:
    """Create ``part``, and hold the lock on it that says that its writer lives."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        # Without locks only its age says that a part is abandoned.
        with suppress(OSError):
            try_lock(descriptor)
        yield stream


def _write(stream: BinaryIO, record: RecordedRequest) -> int:
    """Write ``record``, fsync it, and return its size."""
    record.write(stream)
    stream.flush()
    os.fsync(stream.fileno())
    return stream.tell()


def _remove_if_abandoned(part: Path) -> None:
    """Remove the part of a writer that does not live any more: its lock is free, or it is old where there are no locks."""
    # A part that disappears meanwhile has become a record, or its writer removed it.
    with suppress(FileNotFoundError), part.open("rb") as stream:
        age = time.time() - os.fstat(stream.fileno()).st_mtime
        try:
            abandoned = age > _JUST_CREATED_SECONDS and try_lock(stream.fileno())
        except OSError:
            abandoned = age > _ABANDONED_SECONDS
        if abandoned:
            part.unlink()
