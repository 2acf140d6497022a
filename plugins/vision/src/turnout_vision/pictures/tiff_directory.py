"""The directory of tags in a TIFF file and in EXIF, looked at before anything reads its values."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from turnout_vision.pictures.structure_refusal import structure_refusal

MAX_TAGS = 1_000
MAX_VALUES = 200_000
"""Of one tag with numbers. Each becomes an object."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# Photoshop keeps the layers of a picture in a tag.
MAX_TAG_BYTES = 150_000_000
_MOST_COPIES, _ALWAYS_BYTES = 2, 1_000_000
_BYTES = frozenset({1, 2, 6, 7})
_INTEGERS = frozenset({1, 3, 4, 6, 8, 9, 13, 16, 17, 18})


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a directory; ``number`` is its value if it is one integer."""

    code: int
    kind: int
    count: int
    number: int | None


def check_tiff_directory(source: BinaryIO | bytes, start: int, name: str) -> list[Tag]:
    """Return the tags of the first directory; raise InvalidInputError if it has more tags or values than a picture needs.

    Many tags may name the same bytes, and each is a copy of them.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    file.seek(0, io.SEEK_END)
    available = file.tell() - start
    file.seek(start)
    head = file.read(16)
    order = "<" if head.startswith(b"II") else ">"
    big = head[2:4] in (b"+\x00", b"\x00+")
    try:
        (offset,) = struct.unpack(f"{order}{'Q' if big else 'I'}", head[8:16] if big else head[4:8])
        file.seek(start + offset)
        (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
    except (struct.error, OSError, OverflowError, ValueError):
        return []
    if count > MAX_TAGS:
        raise structure_refusal(name, f"{count} tags (the limit is {MAX_TAGS})")
    tags = list(_read_tags(file.read(count * (20 if big else 12)), order, big=big))
    _check_sizes(tags, available, name)
    return tags


def _read_tags(entries: bytes, order: str, *, big: bool) -> Iterator[Tag]:
    form = f"{order}HHQ8s" if big else f"{order}HHI4s"
    size = struct.calcsize(form)
    for place in range(0, len(entries) - size + 1, size):
        code, kind, count, value = struct.unpack_from(form, entries, place)
        width = _SIZES[kind] if kind in _INTEGERS else 0
        number = int.from_bytes(value[:width], "little" if order == "<" else "big") if width and count == 1 else None
        yield Tag(code, kind, count, number)


def _check_sizes(tags: list[Tag], available: int, name: str) -> None:
    total = 0
    for tag in tags:
        # No more can be read than there is: cameras write wrong numbers too.
        claimed = min(tag.count * _SIZES.get(tag.kind, 1), available)
        total += claimed
        if tag.kind not in _BYTES and claimed // _SIZES.get(tag.kind, 1) > MAX_VALUES:
            raise structure_refusal(name, f"{tag.count} values in the tag {tag.code} (the limit is {MAX_VALUES})")
        if total > min(MAX_TAG_BYTES, _MOST_COPIES * available + _ALWAYS_BYTES):
            raise structure_refusal(name, f"tags that claim {total} bytes of {available}")
