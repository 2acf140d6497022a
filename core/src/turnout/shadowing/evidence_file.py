"""Evidence on disk, where other processes read it and add theirs."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from turnout.shadowing.evidence import ShadowEvidence

try:
    import fcntl
except ImportError:  # Windows, where processes that share a model may overwrite each other's evidence
    fcntl = None  # type: ignore[assignment]

MAX_BYTES = 1 << 20
LOCK_SECONDS = 5.0
"""How long another process may take to add its evidence."""
STATE = ".turnout"
"""The folder that Turnout keeps its state in, beside turnout.yaml."""


def read_shadow_evidence(file: Path) -> ShadowEvidence | None:
    """Return what ``file`` holds; None if there is none, or none that can be read."""
    try:
        with file.open("rb") as stream:
            return ShadowEvidence.of_json(json.loads(stream.read(MAX_BYTES)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def add_shadow_evidence(file: Path, more: ShadowEvidence) -> None:
    """Add ``more`` to what ``file`` holds of the same arms; what it holds of other arms is replaced.

    Several processes may add at once, and readers see one whole state: a lock on a file beside it, then a rename.

    Raises:
        OSError: the folder or the disk refuses; the file is as it was.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    _ignore_in_git(file.parent)
    with _locked(file.with_suffix(".lock")):
        known = read_shadow_evidence(file)
        if known is not None and known.same_arms(more):
            known.merge(more)
            more = known
        _replace(file, json.dumps(more.as_json(), indent=1).encode())


def _ignore_in_git(folder: Path) -> None:
    """What people sent, and what came of it on one machine, is nothing to commit."""
    if folder.name == STATE and not (folder / ".gitignore").exists():
        (folder / ".gitignore").write_text("*\n", "utf-8")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    with file.open("ab") as stream:
        _lock(stream.fileno(), file)
        try:
            yield
        finally:
            # A child that was forked meanwhile has the file open too, so closing it here would not unlock it.
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
        time.sleep(0.005)


def _replace(file: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
