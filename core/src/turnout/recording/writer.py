"""Adds records to a folder that several processes may share: whole or not at all, and never more than its bounds."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from turnout.recording.manifest import append_line, keep_lines
from turnout.recording.policy import RecordingPolicy
from turnout.recording.record import Record

try:
    import fcntl
except ImportError:  # Windows: one process a folder there
    fcntl = None  # type: ignore[assignment]

_PART = ".part"
_FORGOTTEN_SECONDS = 3600
_numbers = itertools.count(1)


class RecordingWriter:
    """Writes the records of one model. Thread-safe and safe beside other processes: a lock file in the folder."""

    def __init__(self, model: str, policy: RecordingPolicy) -> None:
        self._model = model
        self._policy = policy
        self._folder = policy.folder

    def add(self, record: Record) -> bool:
        """Write ``record``; return False if there is no room for it. Blocks.

        Raises:
            OSError: the folder or the disk refuses; no record is there.
            InvalidTensorError: an array has no KServe datatype.
        """
        # What people sent is nobody else's business.
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{next(_numbers):06d}.npz"
        part = self._folder / f".{name}{_PART}"
        try:
            size = _write(part, record)
            with self._alone():
                if not self._make_room(size):
                    return False
                part.rename(self._folder / name)
                append_line(self._folder, self._model, {"file": name, "bytes": size, **record.facts()})
                return True
        finally:
            with suppress(OSError):
                part.unlink()

    def _make_room(self, size: int) -> bool:
        policy = self._policy
        sizes = {file: file.stat().st_size for file in sorted(self._folder.glob("*.npz"))}
        count, total = len(sizes) + 1, sum(sizes.values()) + size
        if size > policy.max_bytes or policy.max_requests < 1:
            return False
        leaving: list[Path] = []
        for file, its_size in sizes.items():
            if count <= policy.max_requests and total <= policy.max_bytes:
                break
            leaving.append(file)
            count, total = count - 1, total - its_size
        if leaving and policy.when_full == "stop":
            return False
        self._remove(leaving, [file.name for file in sizes if file not in leaving])
        return True

    def _remove(self, leaving: list[Path], staying: list[str]) -> None:
        if leaving:
            # The manifest first: a record without a line is whole, a line without its record is a loss.
            keep_lines(self._folder, self._model, staying)
        for file in leaving:
            file.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._folder / ".lock").open("ab") as lock:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what a killed process has left half written."""
        for part in self._folder.glob(f".*{_PART}"):
            if time.time() - part.stat().st_mtime > _FORGOTTEN_SECONDS:
                part.unlink(missing_ok=True)


def _write(file: Path, record: Record) -> int:
    """Write a new file to the disk itself, and return its size."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        record.write(stream)
        stream.flush()
        os.fsync(stream.fileno())
        return stream.tell()
