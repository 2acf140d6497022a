"""The SHA-256 of a file, and of a folder."""

from __future__ import annotations

import hashlib
import os
import stat
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


def has_sha256(file: Path, digest: str) -> bool:
    """Return whether ``file``, and no link of this name, is a regular file with this SHA-256."""
    try:
        return stat.S_ISREG(os.lstat(file).st_mode) and fingerprint(file) == digest
    except OSError:
        return False
