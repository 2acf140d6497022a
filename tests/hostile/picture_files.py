"""Pictures that cost a decoder far more than their bytes, made byte by byte, and good pictures with the same parts."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image


def encode(format: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: Any) -> bytes:
    """Return a good picture of noise."""
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, format, **options)
    return file.getvalue()


def plain(format: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    """Return a good picture of one color."""
    file = io.BytesIO()
    Image.new(mode, size, 90 if mode in ("L", "P") else (200, 30, 40)).save(file, format, **options)
    return file.getvalue()


def exif(entries: Sequence[tuple[int, int, int, int]], data: bytes = b"") -> bytes:
    """Return a TIFF directory of (tag, kind, count, value or offset), with ``data`` behind it."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4) + data


def segment(code: int, body: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return b"\xff" + bytes([code]) + struct.pack(">H", len(body) + 2) + body


def behind_start(jpeg: bytes, part: bytes) -> bytes:
    """Return ``jpeg`` with ``part`` behind its first marker."""
    return jpeg[:2] + part + jpeg[2:]


def jpeg_of_scans(scans: int, size: tuple[int, int] = (64, 48), coding: int = 0xC2) -> bytes:
    """Return a progressive JPEG of gray with this many scans; but the first each one is a byte."""
    good = plain("JPEG", size, "L", progressive=True, quality=50)
    # The first scan has the mean of each block; the others refine coefficients of which all are zero.
    start = good.index(b"\xff\xda")
    end = good.index(b"\xff", start + 2)
    head = good[:start].replace(b"\xff\xc2", bytes([0xFF, coding]), 1)
    table = segment(0xC4, b"\x10" + bytes([1, *[0] * 15]) + b"\xe0") + segment(
        0xC4, b"\x10" + bytes([0, 1, *[0] * 14]) + b"\x00"
    )
    scan = segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + b"\x00"
    return head + good[start:end] + table + scan * (scans - 1) + b"\xff\xd9"


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def behind_header(png: bytes, part: bytes) -> bytes:
    """Return ``png`` with ``part`` between its header and what follows."""
    return png[:33] + part + png[33:]


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a WEBP."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp(*chunks: bytes) -> bytes:
    """Return a WEBP of ``chunks``."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_header(width: int, height: int, flags: int = 0) -> bytes:
    """Return the chunk VP8X of a canvas; flags: 2 animated, 4 XMP, 8 EXIF, 16 alpha, 32 color profile."""
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)


def webp_pixels(width: int, height: int, **options: Any) -> bytes:
    """Return the chunks of the pixels of a WEBP: VP8, VP8L, or ALPH with VP8."""
    mode = options.pop("mode", "RGB")
    whole = plain("WEBP", (width, height), mode, **options)
    # Behind RIFF, its size and WEBP; a picture with alpha has the chunk VP8X first.
    return whole[30:] if whole[12:16] == b"VP8X" else whole[12:]


def webp_frame(width: int, height: int, pixels: bytes, left: int = 0, top: int = 0) -> bytes:
    """Return a chunk ANMF: ``pixels`` at a place on the canvas."""
    numbers = (left // 2, top // 2, width - 1, height - 1, 100)
    return riff_chunk(b"ANMF", b"".join(struct.pack("<I", number)[:3] for number in numbers) + b"\x02" + pixels)


def animation(width: int, height: int, *frames: bytes) -> bytes:
    """Return an animated WEBP."""
    return webp(webp_header(width, height, 2 | 16), riff_chunk(b"ANIM", bytes(6)), *frames)


def tiff(
    entries: dict[int, tuple[int, int, int]], data: bytes = b"", repeated: Sequence[tuple[int, int, int, int]] = ()
) -> bytes:
    """Return a TIFF of 40 x 30 gray pixels; ``entries`` of (kind, count, value) replace or add tags, ``data`` is at 2000."""
    usual = {256: (3, 1, 40), 257: (3, 1, 30), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 600), 277: (3, 1, 1)}
    given = {**usual, 278: (3, 1, 30), 279: (4, 1, 1200), **entries}
    directory = exif([*((code, *entry) for code, entry in sorted(given.items()) if entry[1]), *repeated])
    return (directory.ljust(600, b"\0") + bytes(1400)) + data


def bmp_of_runs(width: int, height: int, runs: bytes, bits: int = 8) -> bytes:
    """Return a BMP whose pixels are ``runs``."""
    palette = bytes(4 << bits)
    offset = 54 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 1 if bits == 8 else 2, len(runs), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + header + palette + runs


def gif_with(blocks: bytes) -> bytes:
    """Return a GIF with ``blocks`` in front of its frame."""
    good = plain("GIF", (40, 30), "P")
    place = 13 + (3 << ((good[10] & 7) + 1) if good[10] & 0x80 else 0)
    return good[:place] + blocks + good[place:]
