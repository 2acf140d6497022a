"""RGB pixels of a numpy array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError

# What is computed of one stays in a core's cache.
_BAND_PIXELS = 65_536
_ACCEPTED = "give bool, uint8, uint16, or floats in 0..1"


def array_to_rgb(array: NDArray[Any], *, max_pixels: int, background: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return ``array`` as UINT8 [height, width, 3]; an array of this form is returned itself, not a copy.

    Raises:
        InvalidInputError: ``array`` is not a picture, or has more than ``max_pixels``.
    """
    _check_shape(array, max_pixels)
    channels = array[:, :, np.newaxis] if array.ndim == 2 else array
    if channels.dtype == np.uint8 and channels.shape[2] == 3:
        return channels
    height, width = channels.shape[:2]
    pixels = np.empty((height, width, 3), np.uint8)
    for rows in bands(height, width):
        values = _to_bytes(channels[rows])
        pixels[rows] = _blend(values, background) if values.shape[2] in (2, 4) else values
    return pixels


def bands(height: int, width: int) -> Iterator[slice]:
    """Yield the rows of a picture in bands: what is computed of one needs little memory."""
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def uint16_to_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 16-bit ``values`` scaled to 8 bits: 65535 becomes 255."""
    wide = np.clip(values, 0, 65_535).astype(np.uint32)
    narrow: NDArray[np.uint8] = ((wide + 128) // 257).astype(np.uint8)
    return narrow


def fractions_to_bytes(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return floats in 0..1 scaled to 8 bits.

    Raises:
        InvalidInputError: a value is not finite or not in 0..1.
    """
    least, most = float(values.min()), float(values.max())
    # Written so that NaN, for which every comparison is false, is refused too.
    if not (least >= 0 and most <= 1):
        advice = "divide by 255" if 0 <= least <= most <= 255 else "scale its values"
        raise InvalidInputError(f"picture {name} has floats from {least:g} to {most:g}; they must be in 0..1: {advice}")
    return np.rint(values.astype(np.float64) * 255).astype(np.uint8)


def _check_shape(array: NDArray[Any], max_pixels: int) -> None:
    shape = list(array.shape)
    if array.ndim not in (2, 3) or (array.ndim == 3 and not 1 <= array.shape[2] <= 4):
        advice = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            advice = "; its channels come first, write picture.transpose(1, 2, 0)"
        elif array.ndim == 4:
            advice = "; it has a batch axis, give one picture at a time"
        raise InvalidInputError(f"a picture array must be [height, width] or [height, width, 1 to 4], got {shape}{advice}")
    if array.size == 0:
        raise InvalidInputError(f"a picture array of {shape} has no pixels; check how it was made")
    if array.shape[0] * array.shape[1] > max_pixels:
        raise InvalidInputError(
            f"a picture array of {shape} has {array.shape[0] * array.shape[1]} pixels; the limit is {max_pixels}: "
            "make it smaller, or raise max_pixels of load_image"
        )


def _to_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return uint16_to_bytes(values)
    if values.dtype.kind == "f":
        return fractions_to_bytes(values, f"array of {values.dtype}")
    advice = "; write picture.astype(numpy.uint8) if its values are 0..255" if values.dtype.kind in "iu" else ""
    raise InvalidInputError(f"a picture array of {values.dtype} has no known white; {_ACCEPTED}{advice}")


def _blend(values: NDArray[np.uint8], background: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return ``values``, whose last channel is alpha, on ``background``."""
    color = values[:, :, :-1].astype(np.float32)
    alpha = values[:, :, -1:].astype(np.float32) / 255
    opaque = np.asarray(background, np.float32)
    return np.rint(opaque + alpha * (color - opaque)).astype(np.uint8)
