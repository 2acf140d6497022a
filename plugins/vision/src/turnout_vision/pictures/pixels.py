"""RGB pixels of a Pillow image, upright."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError
from turnout_vision.pictures.array_pixels import bands, fractions_to_bytes, uint16_to_bytes
from turnout_vision.pictures.tiff_directory import check_tiff_directory

if TYPE_CHECKING:
    from PIL.Image import Image

Color = tuple[int, int, int]

_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
_INVERSE = {6: 8, 8: 6}
_CHANNELS = 3


def image_to_rgb(image: Image, *, name: str, background: Color, canvas: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Return ``image`` upright as UINT8 [height, width, 3]; decodes it if necessary.

    ``canvas`` are its pixels if they are decoded already, [height, width, 3 or 4] as stored. Beside the result there is one
    copy of the picture, the decoder's: it is converted in bands.

    Raises:
        InvalidInputError: it is unknown which of its values is white.
        Exception: any error of Pillow on a broken file; the caller translates it.
    """
    if canvas is None:
        image.load()
    # After load: Pillow itself turns a TIFF then, and the EXIF of a PNG may follow the pixels.
    orientation = _read_orientation(image, name)
    if canvas is not None and canvas.shape[2] == _CHANNELS:
        return np.ascontiguousarray(apply_orientation(canvas, orientation))
    width, height = image.size
    pixels = np.empty((width, height, 3) if orientation in _TURNED else (height, width, 3), np.uint8)
    # A view of the result as the file stores it: no copy is made to turn it.
    stored = apply_orientation(pixels, _INVERSE.get(orientation, orientation))
    is_rgb = canvas is None and image.mode == "RGB" and not image.has_transparency_data
    for rows in bands(height, width):
        if is_rgb:
            stored[rows] = _pack(image, rows)
            continue
        band = image.crop((0, rows.start, width, rows.stop)) if canvas is None else _image_of(canvas[rows])
        stored[rows] = _convert_band(band, image.format, name=name, background=background)
    return pixels


def _pack(image: Image, rows: slice) -> NDArray[np.uint8]:
    """Return ``rows`` of an RGB image, in one copy: ``crop`` and ``tobytes`` make three, a third of the time of a JPEG."""
    width, height = image.width, rows.stop - rows.start
    make = _find_encoder()
    if make is None:
        return np.asarray(image.crop((0, rows.start, width, rows.stop)))
    encoder = make("RGB", "raw", ("RGB", 0, 1))
    encoder.setimage(image.im, (0, rows.start, width, rows.stop))
    packed = encoder.encode(3 * width * height)[2]
    return np.frombuffer(packed, np.uint8).reshape(height, width, 3)


def _find_encoder() -> Callable[..., Any] | None:
    """Return Pillow's function that makes an encoder; None if it has none, because it does not promise that name."""
    from PIL import Image

    return getattr(Image, "_getencoder", None)


def _image_of(pixels: NDArray[np.uint8]) -> Image:
    """Return ``pixels`` [height, width, 3 or 4] as a Pillow image."""
    from PIL import Image

    return Image.fromarray(pixels)


def _convert_band(image: Image, form: str | None, *, name: str, background: Color) -> NDArray[np.uint8]:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _convert_wide(image, form, name=name, background=background)
    if image.has_transparency_data:
        return np.asarray(_blend(_add_alpha(image), background))
    return np.asarray(_convert(image, name))


def apply_orientation(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return ``pixels`` [height, width, ...] rotated and mirrored by the EXIF ``orientation`` 1 to 8."""
    if orientation in _TURNED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _read_orientation(image: Image, name: str) -> int:
    exif = image.info.get("exif")
    if isinstance(exif, bytes):
        check_tiff_directory(exif.removeprefix(b"Exif\x00\x00"), 0, name)
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  # broken EXIF raises half a dozen classes; the pixels are good without it
        return 1


def _add_alpha(image: Image) -> Image:
    # Pillow does not convert premultiplied gray to RGBA directly.
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA")


def _blend(image: Image, background: Color) -> Image:
    from PIL import Image

    canvas = Image.new("RGBA", image.size, (*background, 255))
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def _convert(image: Image, name: str) -> Image:
    try:
        # A conversion to the same mode would be one more copy.
        return image if image.mode == "RGB" else image.convert("RGB")
    except ValueError as error:
        raise InvalidInputError(f"picture {name} has the color space {image.mode!r}; save it as RGB") from error


def _convert_wide(image: Image, form: str | None, *, name: str, background: Color) -> NDArray[np.uint8]:
    """Return a gray image of more than 8 bits as RGB; Pillow's own conversion clips at 255."""
    values = np.asarray(image)
    if image.mode == "F":
        gray = fractions_to_bytes(values, name)
    # Older versions of Pillow open a 16-bit PNG as "I".
    elif image.mode == "I" and form != "PNG":
        raise InvalidInputError(f"picture {name} has 32-bit integers, whose white is unknown; save it with 8 or 16 bits")
    else:
        gray = uint16_to_bytes(values)
    pixels = np.repeat(gray[:, :, np.newaxis], 3, axis=2)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        pixels[values == transparent] = background
    return pixels
