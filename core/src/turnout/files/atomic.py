"""Files whose content changes whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


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
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(file, name)
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
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
