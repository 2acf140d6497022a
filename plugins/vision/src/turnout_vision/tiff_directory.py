"""The directory of tags in a TIFF file and in EXIF, looked at before anything reads its values."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from turnout.errors import InvalidInputError

MAX_TAGS = 1_000
MAX_VALUES = 200_000
"""Of one tag with numbers. Each becomes an object; a picture of 50 megapixels in strips of one row has 8,000."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MOST_COPIES, _ALWAYS_BYTES = 4, 1_000_000
_BYTES = frozenset({1, 2, 6, 7})


def check_tiff_directory(source: BinaryIO | bytes, start: int, name: str) -> None:
    """Raise InvalidInputError if the first directory has more tags or values than a picture needs.

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
        return
    if count > MAX_TAGS:
        raise _refusal(name, f"{count} tags; the limit is {MAX_TAGS}")
    _check_entries(file.read(count * (20 if big else 12)), f"{order}HHQ8x" if big else f"{order}HHI4x", available, name)


def _check_entries(entries: bytes, form: str, available: int, name: str) -> None:
    total, size = 0, struct.calcsize(form)
    for place in range(0, len(entries) - size + 1, size):
        tag, kind, values = struct.unpack_from(form, entries, place)
        # No more can be read than there is: cameras write wrong numbers too.
        claimed = min(values * _SIZES.get(kind, 1), available)
        total += claimed
        if kind not in _BYTES and claimed // _SIZES.get(kind, 1) > MAX_VALUES:
            raise _refusal(name, f"{values} values in the tag {tag}; the limit is {MAX_VALUES}")
        if total > _MOST_COPIES * available + _ALWAYS_BYTES:
            raise _refusal(name, f"tags that claim {total} bytes of {available}")


def _refusal(name: str, what: str) -> InvalidInputError:
    return InvalidInputError(f"picture {name} has {what}; save it again with another program")
