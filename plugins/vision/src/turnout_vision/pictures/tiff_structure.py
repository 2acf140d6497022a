"""The strips and tiles of a TIFF file, counted before they are decoded."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import BinaryIO

from turnout_vision.pictures.jpeg_structure import MAX_SCANNED_PIXELS
from turnout_vision.pictures.structure_refusal import structure_refusal
from turnout_vision.pictures.tiff_directory import Tag, check_tiff_directory

# Pillow makes an object of each, and decodes one that is not compressed in Python.
MAX_PARTS = 20_000
# A tile may be larger than the picture, and its whole memory is decoded.
ALWAYS_TILE_PIXELS = 4_000_000
ALWAYS_SCANNED_PIXELS = 4

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _PLANES = 256, 257, 259, 277, 284
_STRIPS, _ROWS, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 273, 278, 322, 323, 324
_LAYOUT = frozenset(
    {_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _PLANES, _STRIPS, _ROWS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, 258, 279, 325}
)
_JPEG = (6, 7)
_WINDOW = 1 << 20


def check_tiff(file: BinaryIO, name: str) -> None:
    """Raise InvalidInputError if the first picture of the TIFF in ``file`` has more tags or parts than it needs."""
    start = file.tell()
    tags = check_tiff_directory(file, start, name)
    layout: dict[int, Tag] = {}
    for tag in tags:
        if tag.code in layout and tag.code in _LAYOUT:
            raise structure_refusal(name, f"the tag {tag.code} twice")
        layout[tag.code] = tag
    parts = max((layout[code].count for code in (_STRIPS, _TILES) if code in layout), default=0)
    if parts > MAX_PARTS:
        raise structure_refusal(name, f"{parts} strips or tiles (the limit is {MAX_PARTS})")
    width, height = _number(layout, _WIDTH), _number(layout, _HEIGHT)
    if width < 1 or height < 1:
        return
    part_width, part_height = _part_size(layout, width, height, name)
    planes = max(1, _number(layout, _SAMPLES, 1)) if _number(layout, _PLANES, 1) == 2 else 1
    needed = -(-width // part_width) * -(-height // part_height) * planes
    if parts > 2 * needed:
        raise structure_refusal(name, f"{parts} strips or tiles where {needed} cover it")
    if _number(layout, _COMPRESSION, 1) in _JPEG:
        _check_scans(file, start, part_width * part_height, width * height, name)


def _part_size(layout: Mapping[int, Tag], width: int, height: int, name: str) -> tuple[int, int]:
    """Return width and height of a strip or tile."""
    if _TILES not in layout and _TILE_WIDTH not in layout:
        rows = min(height, _number(layout, _ROWS, height))
        if rows < 1:
            raise structure_refusal(name, "strips of no rows")
        return width, rows
    size = _number(layout, _TILE_WIDTH), _number(layout, _TILE_HEIGHT)
    if min(size) < 1 or size[0] * size[1] > max(ALWAYS_TILE_PIXELS, 2 * width * height):
        raise structure_refusal(name, f"tiles of {size[0]} x {size[1]} for {width} x {height} pixels")
    return size


def _check_scans(file: BinaryIO, start: int, part_pixels: int, pixels: int, name: str) -> None:
    """Count the scans of all JPEGs in the file: no byte of their pixels looks like the start of one."""
    file.seek(start, io.SEEK_SET)
    scans, rest = 0, b""
    while window := file.read(_WINDOW):
        scans += (rest + window).count(b"\xff\xda")
        rest = window[-1:] if window[-1:] == b"\xff" else b""
    if scans * part_pixels > max(MAX_SCANNED_PIXELS, ALWAYS_SCANNED_PIXELS * pixels):
        raise structure_refusal(name, f"{scans} scans of {part_pixels} pixels")


def _number(layout: Mapping[int, Tag], code: int, default: int = 0) -> int:
    number = layout[code].number if code in layout else default
    return 0 if number is None else number
