"""The structure of a picture file, walked before it is decoded: some lists cost a decoder far more than their bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import BinaryIO

from turnout_vision.pictures.jpeg_structure import check_jpeg
from turnout_vision.pictures.structure_refusal import MAX_BLOCKS, MAX_JUNK_BYTES, MAX_METADATA_BYTES, structure_refusal
from turnout_vision.pictures.tiff_directory import check_tiff_directory
from turnout_vision.pictures.tiff_structure import check_tiff

MAX_PNG_CHUNKS = 100_000
# Each may become a megabyte; Pillow's own limit on their sum does not count color profiles.
MAX_PACKED_CHUNKS = 100
# Each is appended to the text before it, which costs the square of their number.
MAX_GIF_BLOCKS = 4_000
# Pillow decodes run lengths in Python: 2 MB or 8 megapixels take a second.
MAX_RUN_LENGTH_BYTES = 2_000_000
MAX_RUN_LENGTH_PIXELS = 5_000_000

# 50 megapixels of noise, without loss.
MAX_WEBP_BYTES = 160_000_000

_PIXELS = frozenset({b"IDAT", b"fdAT", b"fcTL"})
_WEBP_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANMF"})
_PACKED = frozenset({b"iCCP", b"zTXt", b"iTXt"})
_RUN_LENGTHS = (1, 2)


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


def _check_png(file: BinaryIO, name: str) -> None:
    file.seek(8, 1)
    others = packed = kept = 0
    for _ in range(MAX_PNG_CHUNKS):
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            return
        kept += size if kind not in _PIXELS else 0
        if kept > MAX_METADATA_BYTES:
            raise structure_refusal(name, f"chunks without pixels of {kept} bytes (the limit is {MAX_METADATA_BYTES})")
        if kind == b"eXIf":
            check_tiff_directory(file.read(size), 0, name)
            size = 0
        others += kind not in _PIXELS
        packed += kind in _PACKED
        if others > MAX_BLOCKS or packed > MAX_PACKED_CHUNKS:
            raise structure_refusal(name, f"{others} chunks without pixels, {packed} of them compressed")
        file.seek(size + 4, 1)
    raise structure_refusal(name, f"more than {MAX_PNG_CHUNKS} chunks")


def _check_gif(file: BinaryIO, name: str) -> None:
    """Check what is in front of the first frame; the others are not read."""
    screen = file.read(13)
    if len(screen) == 13 and screen[10] & 0x80:
        file.seek(3 << ((screen[10] & 7) + 1), 1)
    blocks = junk = 0
    while (sign := file.read(1)) not in (b"", b",", b";"):
        if sign != b"!":
            # Pillow passes over what it does not know.
            junk += 1
            if junk > MAX_JUNK_BYTES:
                raise structure_refusal(name, f"more than {MAX_JUNK_BYTES} bytes between its blocks")
            continue
        file.seek(1, 1)
        while (size := file.read(1)) and size != b"\x00":
            blocks += 1
            file.seek(size[0], 1)
            if blocks > MAX_GIF_BLOCKS:
                raise structure_refusal(name, f"more than {MAX_GIF_BLOCKS} blocks in front of its pixels")


def _check_webp(file: BinaryIO, name: str) -> None:
    start = file.tell()
    # Unlike the others it is read whole.
    size = file.seek(0, io.SEEK_END) - start
    if size > MAX_WEBP_BYTES:
        raise structure_refusal(name, f"{size} bytes as WEBP (the limit is {MAX_WEBP_BYTES})")
    file.seek(start + 12)
    kept = 0
    for _ in range(MAX_BLOCKS):
        head = file.read(8)
        size = int.from_bytes(head[4:], "little")
        if len(head) < 8:
            return
        odd = size % 2
        kept += size if head[:4] not in _WEBP_PIXELS else 0
        if kept > MAX_METADATA_BYTES:
            raise structure_refusal(name, f"chunks without pixels of {kept} bytes (the limit is {MAX_METADATA_BYTES})")
        if head[:4] == b"EXIF":
            check_tiff_directory(file.read(size).removeprefix(b"Exif\x00\x00"), 0, name)
            size = 0
        file.seek(size + odd, 1)
    raise structure_refusal(name, f"more than {MAX_BLOCKS} chunks")


def _check_bmp(file: BinaryIO, name: str) -> None:
    header = file.read(34)
    if int.from_bytes(header[30:], "little") not in _RUN_LENGTHS:
        return
    size = file.seek(0, io.SEEK_END)
    if size > MAX_RUN_LENGTH_BYTES:
        raise structure_refusal(name, f"{size} bytes of run lengths (the limit is {MAX_RUN_LENGTH_BYTES})")
    width, height = (abs(int.from_bytes(header[place : place + 4], "little", signed=True)) for place in (18, 22))
    if width * height > MAX_RUN_LENGTH_PIXELS:
        raise structure_refusal(name, f"{width * height} pixels of run lengths (the limit is {MAX_RUN_LENGTH_PIXELS})")


_CHECKS: Mapping[bytes, Callable[[BinaryIO, str], None]] = {
    b"\xff\xd8": check_jpeg,
    b"\x89PNG\r\n\x1a\n": _check_png,
    b"GIF8": _check_gif,
    b"RIFF": _check_webp,
    b"II": check_tiff,
    b"MM": check_tiff,
    b"BM": _check_bmp,
}
