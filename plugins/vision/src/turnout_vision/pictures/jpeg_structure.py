"""The segments of a JPEG file: each scan passes over all pixels, whatever its size in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from turnout_vision.pictures.structure_refusal import MAX_BLOCKS, MAX_JUNK_BYTES, MAX_METADATA_BYTES, structure_refusal
from turnout_vision.pictures.tiff_directory import check_tiff_directory

# Encoders write up to a dozen. The most that libjpeg's own jpegtran makes of a script are 64.
MAX_SCANS = 100
MAX_SCANNED_PIXELS = 600_000_000
ALWAYS_SCANS = 16
MAX_EXIF_SEGMENTS = 64
# Pillow reads the resources of Photoshop in Python.
MAX_RESOURCE_BYTES = 2_000_000

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_WINDOW = 65_536
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END, _APP1, _APP13 = 0xDA, 0xD9, 0xE1, 0xED
_EXIF = b"Exif\x00\x00"


def check_jpeg(file: BinaryIO, name: str) -> None:
    """Raise InvalidInputError if the JPEG in ``file`` has too many scans, segments, or tags."""
    file.seek(2, 1)
    scans, pixels, resources = 0, 1, 0
    exif: list[bytes] = []
    for code, body in _segments(file, name):
        if code in _SIZES:
            pixels = max(pixels, int.from_bytes(body[1:3], "big") * int.from_bytes(body[3:5], "big"))
        if code == _APP1 and body.startswith(_EXIF):
            exif.append(body[len(_EXIF) :])
        if len(exif) > MAX_EXIF_SEGMENTS:
            raise structure_refusal(name, f"more than {MAX_EXIF_SEGMENTS} segments of EXIF")
        resources += len(body) if code == _APP13 else 0
        if resources > MAX_RESOURCE_BYTES:
            raise structure_refusal(name, f"more than {MAX_RESOURCE_BYTES} bytes of Photoshop's resources")
        scans += code == _SCAN
        if scans > most_scans(pixels):
            raise structure_refusal(name, f"more than {most_scans(pixels)} scans, the limit for {pixels} pixels")
    check_tiff_directory(b"".join(exif), 0, name)


def most_scans(pixels: int) -> int:
    """Return how many scans a JPEG of ``pixels`` may have."""
    return min(MAX_SCANS, max(ALWAYS_SCANS, MAX_SCANNED_PIXELS // max(1, pixels)))


def _segments(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the code and the body of each segment until the end of the picture."""
    junk, kept, in_pixels = 0, 0, False
    for _ in range(MAX_BLOCKS):
        before = file.tell()
        code = _next_marker(file)
        # Pillow reads on behind an end that comes before the pixels.
        if code is None or (code == _END and in_pixels):
            return
        junk += 0 if in_pixels else file.tell() - before - 2
        if junk > MAX_JUNK_BYTES:
            raise structure_refusal(name, f"more than {MAX_JUNK_BYTES} bytes between its segments")
        if code not in _NO_LENGTH and code != _END:
            in_pixels |= code == _SCAN
            body = file.read(max(0, int.from_bytes(file.read(2), "big") - 2))
            kept += len(body)
            if kept > MAX_METADATA_BYTES:
                raise structure_refusal(name, f"segments of more than {MAX_METADATA_BYTES} bytes")
            yield code, body
    raise structure_refusal(name, f"more than {MAX_BLOCKS} segments")


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
