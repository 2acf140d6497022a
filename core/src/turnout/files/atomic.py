"""Files replaced atomically: a reader sees the old content or the new, never a part."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from turnout.files.temporary import temporary


def replace_file(file: Path, content: bytes) -> None:
    """Write ``content`` to an existing ``file`` as ``write_atomic`` does; a symlink is followed.

    Raises:
        OSError: there is no such file, or the folder or the disk refuses; the file is unchanged.
    """
    write_atomic(file.resolve(strict=True), content)


def write_atomic(file: Path, content: bytes) -> None:
    """Write ``content`` to ``file``. Permissions stay; a new file is readable by its owner only.

    Raises:
        OSError: the folder or the disk refuses; ``file`` is unchanged.
    """
    with open_atomic(file) as stream:
        stream.write(content)


@contextmanager
def open_atomic(file: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Open a stream whose content replaces ``file`` when the block ends.

    Permissions stay; a new file has ``mode``, of which the process's umask removes bits. If the block raises, ``file`` is
    unchanged.

    Raises:
        OSError: the folder or the disk refuses; ``file`` is unchanged.
    """
    with temporary(file.with_name(f".{file.name}.{secrets.token_hex(4)}")) as part:
        # Not tempfile.mkstemp, which always creates 0600: to read the umask means to change it for every thread.
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            # Before the rename: after a power cut the new name must not point to an empty file.
            os.fsync(stream.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(file, part)
        part.replace(file)
    sync_folder(file.parent)


def sync_file(file: Path) -> None:
    """Flush the content of ``file`` to the disk, so that it survives a power cut.

    Raises:
        OSError: the disk is full or broken.
    """
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush the names in ``folder`` to the disk, on systems that can."""
    # Windows cannot open a folder, and some network file systems cannot sync one; the content of the files is safe anyway.
    with suppress(OSError):
        sync_file(folder)
