"""Files whose content changes whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def replace_file(file: Path, content: bytes) -> None:
    """Give ``file``, which is there, the new ``content``, as ``write_whole`` does; a symlink is followed.

    Raises:
        OSError: there is no such file, or the folder or the disk refuses; the file is as it was.
    """
    write_whole(file.resolve(strict=True), content)


def write_whole(file: Path, content: bytes) -> None:
    """Give ``file`` its ``content``; readers see the old or the new one. Permissions stay; a new file is its owner's alone.

    Raises:
        OSError: the folder or the disk refuses; what was there stays.
    """
    with whole_file(file) as stream:
        stream.write(content)


@contextmanager
def whole_file(file: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Open a stream whose content replaces ``file`` when the block ends; readers see the old content or the new.

    Permissions stay; a new file has ``mode``, of which the process's umask removes bits. If the block raises, ``file`` is
    unchanged.

    Raises:
        OSError: the folder or the disk refuses; ``file`` is unchanged.
    """
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    # Not tempfile.mkstemp, which always creates 0600: to read the umask means to change it for every thread.
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(file, temporary)
        temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, on systems that can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
