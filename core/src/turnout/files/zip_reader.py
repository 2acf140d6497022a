"""Zip archives whose cost is known before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, Self

from turnout.files.limits import MIB, FileLimits
from turnout.files.regular import open_regular

UNPACKED_BYTES = 64 * MIB
"""The size that any archive may unpack to; a larger one at most ``UNPACKED_RATIO`` times its own size."""
UNPACKED_RATIO = 20
_DIRECTORY_BYTES = 4 * MIB
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1


class ZipReader:
    """An open archive; a context manager, which closes a file that it opened itself.

    ``entries`` are stored or deflated, not encrypted, and have different names.
    zipfile itself never returns more bytes of an entry than its directory declares, and compares the checksum at the end.

    Raises:
        OSError: the file cannot be read, is no regular file, or is too large.
        ValueError: it is no such archive, or unpacks to more than it may.
    """

    def __init__(self, source: Path | BinaryIO, limits: FileLimits) -> None:
        self._stream = open_regular(source, limits) if isinstance(source, Path) else source
        self._is_own = isinstance(source, Path)
        try:
            size = self._stream.seek(0, 2)
            # The directory is read in one piece.
            self._archive = zipfile.ZipFile(_SmallReads(self._stream))
            self.entries = tuple(self._archive.infolist())
            _check(self.entries, size)
        except (zipfile.BadZipFile, NotImplementedError, OverflowError) as error:
            self._close()
            raise ValueError(str(error) or "it is no zip archive") from error
        except BaseException:
            self._close()
            raise

    def open(self, entry: zipfile.ZipInfo) -> IO[bytes]:
        """Return the content of ``entry`` as a stream, to be read in pieces. Reading raises zipfile.BadZipFile, zlib.error."""
        return self._archive.open(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._archive.close()
        self._close()

    def _close(self) -> None:
        if self._is_own:
            self._stream.close()


class _SmallReads:
    """A stream that refuses to be read in larger pieces than a directory may have."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of entries has {_DIRECTORY_BYTES} bytes at most, this one has {size}")
        return self._stream.read(size if size >= 0 else _DIRECTORY_BYTES)


def _check(entries: tuple[zipfile.ZipInfo, ...], size: int) -> None:
    names = set()
    for entry in entries:
        if entry.filename in names:
            raise ValueError(f"the entry {entry.filename!r:.80} is there twice")
        names.add(entry.filename)
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
            raise ValueError(f"the entry {entry.filename!r:.80} is encrypted, or compressed in another way than deflate")
        if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
            raise ValueError(f"the entry {entry.filename!r:.80} has two sizes")
    unpacked, most = sum(entry.file_size for entry in entries), max(UNPACKED_BYTES, UNPACKED_RATIO * size)
    if unpacked > most:
        raise ValueError(f"it unpacks to {unpacked} bytes, and an archive of {size} bytes may unpack to {most} at most")
