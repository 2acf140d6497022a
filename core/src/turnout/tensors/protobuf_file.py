"""A reader of protobuf files that leaves large fields on the disk, whatever the file says about itself."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from turnout.files.limits import FileLimits
from turnout.files.regular import open_regular
from turnout.tensors.protobuf import FIXED_BYTES, LENGTH_DELIMITED, VARINT, read_varint

MAX_FIELDS = 400_000
_WINDOW = 1 << 14
_KEY = 10
_COUNTED = (VARINT, LENGTH_DELIMITED)
_MAX_CONTENT = 1 << 16


@contextmanager
def open_protobuf(file: Path, limits: FileLimits) -> Iterator[ProtobufMessage]:
    """Yield the message in ``file``, which is open until the block ends.

    Raises:
        OSError: it cannot be read, is no regular file, is larger than ``limits`` allow, or has more than ``MAX_FIELDS``.
        ValueError: it is empty.
    """
    with open_regular(file, limits) as stream:
        size = os.fstat(stream.fileno()).st_size
        if not size:
            raise ValueError("it is empty")
        yield ProtobufMessage(_Source(stream, limits.kind), 0, size)


class ProtobufMessage:
    """A message in an open file. Nothing of it is in memory; used by one thread."""

    __slots__ = ("_end", "_source", "_start")

    def __init__(self, source: _Source, start: int, end: int) -> None:
        self._source, self._start, self._end = source, start, end

    def fields(self) -> Iterator[tuple[int, int | ProtobufMessage]]:
        """Yield number and content of each field: an int, or a message, which may be a text or bytes instead.

        Raises:
            ValueError: the message is cut short, or not a protobuf message.
            OSError: as ``open_protobuf``.
        """
        source, offset, end = self._source, self._start, self._end
        while offset < end:
            source.fields_left -= 1
            if source.fields_left < 0:
                raise source.too_many_fields()
            key, value, offset = source.read_field(offset, end)
            number = key >> 3
            if not number:
                raise ValueError("a field has the number 0")
            if key & 7 == VARINT:
                yield number, value
                continue
            if offset + value > end:
                raise ValueError("the message is cut short")
            yield number, ProtobufMessage(source, offset, offset + value)
            offset += value

    def messages(self, *path: int) -> list[ProtobufMessage]:
        """Return every field that is no number, by the number of the field, or of the fields that lead to it.

        Raises as ``fields``.
        """
        found = [self]
        for number in path:
            found = [
                field for one in found for own, field in one.fields() if own == number and isinstance(field, ProtobufMessage)
            ]
        return found

    def numbers(self, number: int) -> list[int]:
        """Return the values of every field ``number`` that is a number. Raises as ``fields``."""
        return [value for own, value in self.fields() if own == number and isinstance(value, int)]

    def text(self, number: int) -> str:
        """Return the text of field ``number``; empty if there is none. Raises ValueError too if it is no UTF-8, or long."""
        return "".join(field.content().decode("utf-8") for field in self.messages(number))

    def content(self) -> bytes:
        """Return the bytes; raise ValueError for more than 64 KiB."""
        if self._end - self._start > _MAX_CONTENT:
            raise ValueError(f"a name has {_MAX_CONTENT} bytes at most, one has {self._end - self._start}")
        return self._source.read(self._start, self._end - self._start)


class _Source:
    """The file, of which a window is in memory, and the number of fields that may still be read."""

    def __init__(self, stream: BinaryIO, kind: str) -> None:
        self._descriptor = stream.fileno()
        self._kind = kind
        self._window = memoryview(b"")
        self._begin = 0
        # A file of 2 GB may have a thousand million fields of two bytes.
        self.fields_left = MAX_FIELDS

    def too_many_fields(self) -> OSError:
        return OSError(errno.EFBIG, f"{self._kind} has {MAX_FIELDS} fields at most, this one has more")

    def read_field(self, offset: int, end: int) -> tuple[int, int, int]:
        """Return the key of a field, its number or the size of its content, and where that begins."""
        at, window = offset - self._begin, self._window
        if 0 <= at <= len(window) - 2 * _KEY and offset + 1 < end:
            key, value = window[at], window[at + 1]
            if value < 0x80 and key < 0x80 and key & 7 in _COUNTED:
                return key, value, offset + 2
        key, offset = self.read_number(offset, end)
        if key & 7 in _COUNTED:
            return key, *self.read_number(offset, end)
        return key, FIXED_BYTES.get(key & 7, end), offset

    def read_number(self, offset: int, end: int) -> tuple[int, int]:
        at, window = offset - self._begin, self._window
        if 0 <= at <= len(window) - _KEY:
            if (byte := window[at]) < 0x80 and offset < end:
                return byte, offset + 1
        else:
            # pread, not mmap: a file that is cut while it is read would end the process with SIGBUS.
            self._window, self._begin, at = memoryview(os.pread(self._descriptor, _WINDOW, offset)), offset, 0
        try:
            value, after = read_varint(self._window, at)
        except IndexError:
            raise ValueError("the message ends inside of a number") from None
        if self._begin + after > end:
            raise ValueError("the message ends inside of a number")
        return value, self._begin + after

    def read(self, offset: int, size: int) -> bytes:
        at = offset - self._begin
        if at >= 0 and at + size <= len(self._window):
            return bytes(self._window[at : at + size])
        return os.pread(self._descriptor, size, offset)
