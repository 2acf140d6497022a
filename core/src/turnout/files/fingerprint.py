"""The SHA-256 of a file, and of a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from turnout.files.regular import open_regular


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` prints it; of a folder, that of its files' names and SHA-256s."""
    if not file.is_dir():
        with open_regular(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    # The names too: the same contents under other names are another folder.
    for part in sorted(part for part in file.rglob("*") if part.is_file()):
        digest.update(f"{part.relative_to(file)}\0{fingerprint(part)}\n".encode())
    return digest.hexdigest()
