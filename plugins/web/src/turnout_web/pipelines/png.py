"""PNG files of masks and pictures, written without a picture library."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB = 0, 2
# Masks are long runs, where a higher level gains little.
_LEVEL = 3


def mask_to_png(mask: NDArray[np.bool_]) -> bytes:
    """Return ``mask``, BOOL [height, width], as a PNG of one bit a pixel: white inside of the mask, black elsewhere."""
    return _png(np.packbits(mask, axis=1), mask.shape, bits=1, color=_GRAY)


def picture_to_png(picture: NDArray[np.uint8]) -> bytes:
    """Return ``picture``, UINT8 [height, width, 3], as a PNG."""
    height, width, _ = picture.shape
    # Differences to the pixel above: a drawn or smooth picture is small.
    rows = np.diff(picture.reshape(height, width * 3), axis=0, prepend=np.zeros((1, width * 3), np.uint8))
    return _png(rows, (height, width), bits=8, color=_RGB, row_filter=2)


def gray_to_png(gray: NDArray[Any]) -> bytes:
    """Return ``gray``, UINT8 or UINT16 [height, width], as a PNG of 8 or 16 bits a pixel."""
    height, width = gray.shape
    bytes_ = gray.astype(gray.dtype.newbyteorder(">")).view(np.uint8).reshape(height, -1)
    # Differences to the pixel above, as of a picture.
    rows = np.diff(bytes_, axis=0, prepend=np.zeros((1, bytes_.shape[1]), np.uint8))
    return _png(rows, (height, width), bits=8 * gray.dtype.itemsize, color=_GRAY, row_filter=2)


def _png(rows: NDArray[Any], shape: tuple[int, ...], *, bits: int, color: int, row_filter: int = 0) -> bytes:
    height, width = shape
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    filtered = np.pad(rows.astype(np.uint8, copy=False), ((0, 0), (1, 0)), constant_values=row_filter)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
