"""The structure of a picture file, walked before it is decoded: some lists cost a decoder far more than their bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from turnout.errors import InvalidInputError
from turnout_vision.tiff_directory import check_tiff_directory

# Cameras and encoders write up to a dozen scans; each one passes over all pixels.
MAX_SCANS = 100
MAX_SCANNED_PIXELS = 1_000_000_000
MAX_BLOCKS = 5_000
MAX_PNG_CHUNKS = 100_000
MAX_JUNK_BYTES = 65_536
# Each is appended to the text before it, which costs the square of their number.
MAX_GIF_BLOCKS = 4_000
MAX_EXIF_SEGMENTS = 64
# Pillow decodes run lengths in Python, 2 MB in a second.
MAX_RUN_LENGTH_BYTES = 2_000_000

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_WINDOW = 65_536
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_PIXELS = frozenset({b"IDAT", b"fdAT", b"fcTL"})
_EXIF = b"Exif\x00\x00"


def check_structure(file: BinaryIO, head: bytes, name: str) -> None:
    """Raise InvalidInputError if the picture in ``file`` has more parts than a picture needs. The position is kept.

    A file that is cut short or broken passes: its decoder says more about it.
    """
    start = file.tell()
    check = next((check for beginning, check in _CHECKS.items() if head.startswith(beginning)), None)
    if check is not None:
        try:
            check(file, name)
        finally:
            file.seek(start)


def _check_jpeg(file: BinaryIO, name: str) -> None:
    file.seek(2, 1)
    scans, pixels, exif = 0, 1, []
    for code, body in _segments(file, name):
        if code in _SIZES:
            pixels = max(1, int.from_bytes(body[1:3], "big") * int.from_bytes(body[3:5], "big"))
        if code == _APP1 and body.startswith(_EXIF):
            exif.append(body[len(_EXIF) :])
        if len(exif) > MAX_EXIF_SEGMENTS:
            raise _refusal(name, f"more than {MAX_EXIF_SEGMENTS} segments of EXIF")
        scans += code == _SCAN
        most = min(MAX_SCANS, max(1, MAX_SCANNED_PIXELS // pixels))
        if scans > most:
            raise _refusal(name, f"more than {most} scans, the limit for {pixels} pixels")
    check_tiff_directory(b"".join(exif), 0, name)


def _segments(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the code and the body of each segment until the end of the picture."""
    junk, in_pixels = 0, False
    for _ in range(MAX_BLOCKS):
        before = file.tell()
        code = _next_marker(file)
        if code is None or code == _END:
            return
        junk += 0 if in_pixels else file.tell() - before - 2
        if junk > MAX_JUNK_BYTES:
            raise _refusal(name, f"more than {MAX_JUNK_BYTES} bytes between its segments")
        if code not in _NO_LENGTH:
            in_pixels |= code == _SCAN
            yield code, file.read(max(0, int.from_bytes(file.read(2), "big") - 2))
    raise _refusal(name, f"more than {MAX_BLOCKS} segments")


def _next_marker(file: BinaryIO) -> int | None:
    """Return the next marker's code, with the position behind it; None at the end of the file."""
    rest = b""
    while window := file.read(_WINDOW):
        found = _MARKER.search(rest + window)
        if found is not None:
            file.seek(found.end() - len(rest) - len(window), 1)
            return found.group()[1]
        rest = window[-1:]
    return None


def _check_png(file: BinaryIO, name: str) -> None:
    file.seek(8, 1)
    others = 0
    for _ in range(MAX_PNG_CHUNKS):
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            return
        if kind == b"eXIf":
            check_tiff_directory(file.read(size), 0, name)
            size = 0
        others += kind not in _PIXELS
        if others > MAX_BLOCKS:
            raise _refusal(name, f"more than {MAX_BLOCKS} chunks without pixels")
        file.seek(size + 4, 1)
    raise _refusal(name, f"more than {MAX_PNG_CHUNKS} chunks")


def _check_gif(file: BinaryIO, name: str) -> None:
    """Check what is in front of the first frame; the others are not read."""
    screen = file.read(13)
    if len(screen) == 13 and screen[10] & 0x80:
        file.seek(3 << ((screen[10] & 7) + 1), 1)
    blocks = 0
    while file.read(1) == b"!":
        file.seek(1, 1)
        while size := file.read(1):
            blocks += 1
            if blocks > MAX_GIF_BLOCKS:
                raise _refusal(name, f"more than {MAX_GIF_BLOCKS} blocks in front of its pixels")
            if size == b"\x00":
                break
            file.seek(size[0], 1)


def _check_webp(file: BinaryIO, name: str) -> None:
    file.seek(12, 1)
    for _ in range(MAX_BLOCKS):
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if len(head) < 8:
            return
        if head[:4] == b"EXIF":
            body = file.read(size)
            check_tiff_directory(body.removeprefix(_EXIF), 0, name)
            size, odd = 0, size % 2
        else:
            odd = size % 2
        file.seek(size + odd, 1)
    raise _refusal(name, f"more than {MAX_BLOCKS} chunks")


def _check_tiff(file: BinaryIO, name: str) -> None:
    check_tiff_directory(file, file.tell(), name)


def _check_bmp(file: BinaryIO, name: str) -> None:
    if int.from_bytes(file.read(34)[30:], "little") not in (1, 2):
        return
    size = file.seek(0, io.SEEK_END)
    if size > MAX_RUN_LENGTH_BYTES:
        raise _refusal(name, f"{size} bytes with run lengths; the limit is {MAX_RUN_LENGTH_BYTES}")


def _refusal(name: str, what: str) -> InvalidInputError:
    return InvalidInputError(f"picture {name} has {what}, which no picture needs; save it again with another program")


_CHECKS: Mapping[bytes, Callable[[BinaryIO, str], None]] = {
    b"\xff\xd8": _check_jpeg,
    b"\x89PNG\r\n\x1a\n": _check_png,
    b"GIF8": _check_gif,
    b"RIFF": _check_webp,
    b"II": _check_tiff,
    b"MM": _check_tiff,
    b"BM": _check_bmp,
}
