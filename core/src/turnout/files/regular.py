"""Regular files, opened for reading or appending: a pipe would wait without end, a device has no end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, BufferedWriter
from pathlib import Path

from turnout.files.limits import FileLimits

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def open_regular(file: Path, limits: FileLimits | None = None) -> BufferedReader:
    """Return ``file``, opened for reading; a link to a regular file is followed. The caller closes it.

    Raises:
        OSError: it cannot be opened, is no regular file, or is larger than ``limits`` allow.
    """
    # Looked at before it is opened too: to open some devices does something.
    _check(os.stat(file), file, limits)  # noqa: PTH116  # Path.stat is the same and slower
    return os.fdopen(_open(file, os.O_RDONLY, limits), "rb")


def append_to_regular(file: Path) -> BufferedWriter:
    """Return ``file``, opened for appending; a link to a regular file is followed. The caller closes it.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    return os.fdopen(_open(file, os.O_WRONLY | os.O_APPEND), "ab")


def append_to_own(file: Path) -> BufferedWriter:
    """Return ``file``, a file that only Turnout writes, opened for appending; a link there is not followed.

    Raises:
        OSError: it cannot be opened or created, or is no regular file.
    """
    return os.fdopen(_open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)), "ab")


def has_content(file: Path, content: bytes) -> bool:
    """Return whether ``file`` is a regular file with this content; False if it cannot be read."""
    try:
        with open_regular(file) as stream:
            return os.fstat(stream.fileno()).st_size == len(content) and stream.read(len(content) + 1) == content
    except OSError:
        return False


def read_regular(file: Path, limits: FileLimits) -> bytes:
    """Return the content of ``file``. Raises as ``open_regular``."""
    with open_regular(file, limits) as stream:
        content = stream.read(limits.max_bytes + 1)
    # A file may grow, and those of /proc have no size.
    if len(content) > limits.max_bytes:
        raise _too_large(file, limits, "more")
    return content


def read_regular_text(file: Path, limits: FileLimits) -> str:
    """Return the text of ``file``, without a byte order mark.

    Raises:
        OSError: as ``open_regular``.
        ValueError: it is not UTF-8.
    """
    return decode_utf8(read_regular(file, limits))


def decode_utf8(content: bytes) -> str:
    """Return ``content`` as text, without a byte order mark; raise ValueError with the line if it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8") from None


def _open(file: Path, flags: int, limits: FileLimits | None = None) -> int:
    # Without O_NONBLOCK, to open a pipe that took the file's place meanwhile would wait for its other end.
    flags |= sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
    descriptor = os.open(file, flags, 0o666)
    try:
        _check(os.fstat(descriptor), file, limits)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(found: os.stat_result, file: Path, limits: FileLimits | None) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise OSError(
            errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL, f"it is {kind}, no regular file", str(file)
        )
    if limits is not None and found.st_size > limits.max_bytes:
        raise _too_large(file, limits, f"{found.st_size} bytes")


def _too_large(file: Path, limits: FileLimits, size: str) -> OSError:
    text = f"{limits.kind} has {limits.max_bytes} bytes at most, this one has {size}"
    return OSError(errno.EFBIG, text, str(file))
