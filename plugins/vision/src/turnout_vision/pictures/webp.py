"""The first frame of a WEBP picture, decoded into one array by the libwebp that Pillow brings.

Pillow's own decoder is for animations: it holds four to five copies of a picture, whether it is one or not.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_DECODERS = {"RGB": "WebPDecodeRGBInto", "RGBA": "WebPDecodeRGBAInto"}
_CHUNK_HEADER, _FRAME_HEADER = 8, 16


@dataclass(frozen=True, slots=True)
class _Frame:
    """The bytes of a frame, and the place of its corner on the canvas."""

    content: bytes
    left: int = 0
    top: int = 0


def decode_webp(image: Image, file: BinaryIO) -> NDArray[np.uint8] | None:
    """Return the first frame of ``image``, which is in ``file``: UINT8 [height, width, 3], or 4 with alpha, as stored.

    None if this Pillow does not show its libwebp; then Pillow itself has to decode it.

    Raises:
        OSError: the file is broken.
    """
    decode = _find_decoder(image.mode)
    if decode is None:
        return None
    frame = _read_first_frame(file)
    channels = len(image.mode)
    canvas = np.zeros((image.height, image.width, channels), np.uint8)
    place = (frame.top * image.width + frame.left) * channels
    content = np.frombuffer(frame.content, np.uint8)
    room, stride = max(0, canvas.nbytes - place), image.width * channels
    # libwebp refuses a frame that does not fit: it writes rows of the frame's width, the last within ``room``.
    if not decode(content.ctypes.data, content.size, canvas.ctypes.data + min(place, canvas.nbytes), room, stride):
        raise OSError("its pixels cannot be decoded")
    return canvas


@cache
def _find_decoder(mode: str) -> Callable[..., int | None] | None:
    from PIL import _webp

    try:
        # The extension's own library: a search in it finds the libwebp that it is linked with.
        function: Any = getattr(ctypes.CDLL(_webp.__file__), _DECODERS[mode])
    except (OSError, AttributeError, KeyError):
        return None
    function.restype = ctypes.c_void_p
    function.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    found: Callable[..., int | None] = function
    return found


def _read_first_frame(file: BinaryIO) -> _Frame:
    """Return the first frame of an animation; the whole of a still picture."""
    file.seek(12)
    while len(head := file.read(_CHUNK_HEADER)) == _CHUNK_HEADER:
        size = int.from_bytes(head[4:], "little")
        if head.startswith(b"ANMF") and size > _FRAME_HEADER:
            numbers = file.read(_FRAME_HEADER)
            left, top = (2 * int.from_bytes(numbers[start : start + 3], "little") for start in (0, 3))
            return _Frame(file.read(size - _FRAME_HEADER), left, top)
        file.seek(size + size % 2, 1)
    file.seek(0)
    return _Frame(file.read())
