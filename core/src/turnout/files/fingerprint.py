"""The SHA-256 of a file, and of a folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from turnout.files.below import entries_below
from turnout.files.regular import open_regular


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` prints it; of a folder, that of its files' names and SHA-256s."""
    if not file.is_dir():
        with open_regular(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    # The names too: the same contents under other names are another folder.
    for part in sorted(Path(entry.path) for entry in entries_below(file) if not entry.is_dir(follow_symlinks=False)):
        # A link to a folder, whose files are elsewhere, makes another folder too.
        content = fingerprint(part) if part.is_file() else "no regular file"
        digest.update(os.fsencode(part.relative_to(file)) + f"\0{content}\n".encode())
    return digest.hexdigest()


def content_fingerprint(files: Iterable[Path]) -> str:
    """Return the SHA-256 of the one file in ``files``, as ``sha256sum`` prints it.

    Of several, it is that of their names and SHA-256s; of a folder, its files count. Empty without a file.

    Raises:
        OSError: a file cannot be read.
    """
    found = {name: part for file in files for name, part in _contents(file)}
    if len(found) == 1:
        return fingerprint(next(iter(found.values())))
    digest = hashlib.sha256()
    for name, part in sorted(found.items()):
        digest.update(f"{name}\0{fingerprint(part)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest() if found else ""


def _contents(file: Path) -> Iterator[tuple[str, Path]]:
    if not file.is_dir():
        yield file.name, file
        return
    for part in (Path(entry.path) for entry in entries_below(file)):
        if part.is_file():
            yield part.relative_to(file).as_posix(), part


def has_sha256(file: Path, digest: str) -> bool:
    """Return whether ``file``, and no link of this name, is a regular file with this SHA-256."""
    try:
        return stat.S_ISREG(os.lstat(file).st_mode) and fingerprint(file) == digest
    except OSError:
        return False
