"""Reading a picture from whatever holds one."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidInputError
from turnout_vision.arrays import rgb_of_array
from turnout_vision.pixels import Colour, rgb_of_image
from turnout_vision.quiet import quiet_pillow
from turnout_vision.signatures import content_of

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 25_000_000
WHITE: Colour = (255, 255, 255)


def read_picture(source: Any, *, max_pixels: int = MAX_PIXELS, background: Colour = WHITE) -> NDArray[np.uint8]:
    """Return the picture in ``source`` as it is meant to be seen: UINT8 [height, width, 3], red green blue.

    ``source`` is a path, bytes, a file object, a Pillow image, or an array [height, width] or [height, width, 1 to 4] of
    bool, uint8, uint16 or floats in 0..1. A file is JPEG, PNG, WEBP, BMP, GIF or TIFF; of several frames the first one counts.
    The header is checked before anything is decoded; EXIF orientation is applied; transparent pixels show ``background``.
    An array that has this form already is returned itself. Thread-safe.

    Raises:
        InvalidInputError: there is no such picture, it is too large, or it is broken.
    """
    if isinstance(source, np.ndarray):
        return rgb_of_array(source, max_pixels=max_pixels, background=background)
    name = name_of(source)
    with quiet_pillow(), _translated(name), _opened(source, name) as image:
        check_pixels(name, image.height, image.width, max_pixels)
        return rgb_of_image(image, name=name, background=background)


def name_of(source: Any) -> str:
    """Return what messages call ``source``: its path if it has one."""
    if isinstance(source, str | os.PathLike):
        return repr(os.fspath(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return f"of {len(source)} bytes"
    path = getattr(source, "filename", None) or getattr(source, "name", None)
    return repr(path) if isinstance(path, str) and path else f"given as {type(source).__name__}"


def check_pixels(name: str, height: int, width: int, max_pixels: int) -> None:
    """Return if a picture of this size may be decoded.

    Raises:
        InvalidInputError: it has no pixels, or more than ``max_pixels``.
    """
    if height < 1 or width < 1:
        raise InvalidInputError(f"picture {name} is {width} x {height}; it has no pixels")
    if height * width > max_pixels:
        raise InvalidInputError(
            f"picture {name} is {width} x {height}, that is {height * width} pixels; at most {max_pixels} are decoded: "
            "make it smaller, or raise max_pixels of load_image"
        )


@contextmanager
def _opened(source: Any, name: str) -> Iterator[Image]:
    from PIL import Image

    if isinstance(source, Image.Image):
        yield source
        return
    with _file(source, name) as file, _identified(file, name) as image:
        yield image


@contextmanager
def _file(source: Any, name: str) -> Iterator[Any]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        with _path(source, name).open("rb") as file:
            yield file
    elif callable(getattr(source, "read", None)):
        yield source if _seekable(source) else io.BytesIO(source.read())
    else:
        raise InvalidInputError(
            f"picture is {source!r:.80}, a {type(source).__name__}; give a path, bytes, a file, a Pillow image or a numpy array"
        )


def _path(source: str | os.PathLike[Any], name: str) -> Path:
    text = os.fsdecode(source)
    if text.startswith(("http:", "https:", "data:")):
        raise InvalidInputError(f"picture {name[:80]} is an address, not a file; download it, then give its path")
    path = Path(text)
    if not path.exists():
        raise InvalidInputError(f"picture {name} does not exist; paths start at {str(Path.cwd())!r}")
    if not path.is_file():
        raise InvalidInputError(f"picture {name} is {'a folder' if path.is_dir() else 'not a regular file'}; give a file")
    return path


def _seekable(file: Any) -> bool:
    return callable(getattr(file, "seekable", None)) and bool(file.seekable())


def _identified(file: Any, name: str) -> Image:
    from PIL import Image, UnidentifiedImageError

    start = file.tell()
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        file.seek(start)
        raise InvalidInputError(
            f"picture {name} is {content_of(file.read(64))}; save it as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        ) from error


@contextmanager
def _translated(name: str) -> Iterator[None]:
    from PIL import Image

    try:
        yield
    except InvalidInputError:
        raise
    except Image.DecompressionBombError as error:
        raise InvalidInputError(f"picture {name} is larger than Pillow opens: {error}; make it smaller") from error
    except PermissionError as error:
        raise InvalidInputError(f"picture {name} may not be read by this user; change its permissions") from error
    except MemoryError as error:
        raise InvalidInputError(f"picture {name} needs more memory than there is, or is broken; save it again") from error
    except Exception as error:  # Pillow raises a dozen unrelated classes on broken files
        raise InvalidInputError(f"picture {name} is broken: {type(error).__name__}: {error}; save it again") from error
