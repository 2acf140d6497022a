"""Pixels of a Pillow image as they are meant to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError
from turnout_vision.arrays import bytes_of_fractions, bytes_of_uint16

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, int, int]

_ORIENTATION = 0x0112


def rgb_of_image(image: Image, *, name: str, background: Colour) -> NDArray[np.uint8]:
    """Return ``image`` upright as UINT8 [height, width, 3]; decodes it if that was not done.

    Raises:
        InvalidInputError: its values have no known white.
        Exception: whatever Pillow raises on a broken file; the caller translates.
    """
    image.load()
    # After load, since Pillow itself turns a TIFF then, and a PNG may bring its EXIF behind the pixels.
    orientation = _orientation(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        pixels = _rgb_of_wide(image, name=name, background=background)
    elif image.has_transparency_data:
        pixels = np.asarray(_on_background(_with_alpha(image), background))
    else:
        pixels = np.asarray(_converted(image, name))
    return np.ascontiguousarray(turned(pixels, orientation))


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return ``pixels`` [height, width, ...] turned and mirrored as the EXIF ``orientation`` 1 to 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _orientation(image: Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  # broken EXIF raises half a dozen classes; the pixels are good without it
        return 1


def _with_alpha(image: Image) -> Image:
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA")


def _on_background(image: Image, background: Colour) -> Image:
    from PIL import Image

    canvas = Image.new("RGBA", image.size, (*background, 255))
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def _converted(image: Image, name: str) -> Image:
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise InvalidInputError(f"picture {name} has the colour space {image.mode!r}; save it as RGB") from error


def _rgb_of_wide(image: Image, *, name: str, background: Colour) -> NDArray[np.uint8]:
    values = np.asarray(image)
    if image.mode == "F":
        grey = bytes_of_fractions(values, name)
    elif image.mode == "I" and image.format != "PNG":
        raise InvalidInputError(f"picture {name} holds 32-bit integers, whose white is unknown; save it with 8 or 16 bits")
    else:
        grey = bytes_of_uint16(values)
    pixels = np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        pixels[values == transparent] = background
    return pixels
