"""Picture sources: a path, bytes, a file object, a Pillow image or an array, read as RGB pixels."""

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
from turnout.files.regular import open_regular
from turnout_vision.brief_text import brief
from turnout_vision.options.load_image import MAX_PIXELS, WHITE
from turnout_vision.pictures.array_pixels import array_to_rgb
from turnout_vision.pictures.decoding_memory import BYTES_PER_PIXEL, MEMORY
from turnout_vision.pictures.file_signatures import describe_content, is_avif, is_heif
from turnout_vision.pictures.heif import open_heif
from turnout_vision.pictures.picture_structure import check_structure
from turnout_vision.pictures.pillow_warnings import ignore_pillow_warnings
from turnout_vision.pictures.pixels import Color, image_to_rgb
from turnout_vision.pictures.webp import decode_webp

if TYPE_CHECKING:
    from PIL.Image import Image

# The largest picture without compression, 50 megapixels of four channels, has 200 MB.
MAX_STREAM_BYTES = 256_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")


def read_picture(source: Any, *, max_pixels: int = MAX_PIXELS, background: Color = WHITE) -> NDArray[np.uint8]:
    """Return the picture in ``source`` as RGB pixels, UINT8 [height, width, 3], upright. Thread-safe.

    ``source`` is a path, bytes, a file object, a Pillow image, or an array [height, width] or [height, width, 1 to 4] of
    bool, uint8, uint16 or floats in 0..1. A file is JPEG, PNG, WEBP, BMP, GIF, TIFF, AVIF or, with pillow-heif, HEIC; only its
    first frame is read. The size in the header and the structure of the file are checked before it is decoded; a thread waits
    until the pictures that others decode leave enough memory; EXIF orientation is applied; transparent pixels are blended
    with ``background``. An array UINT8 [height, width, 3] is returned itself, not a copy.

    Raises:
        InvalidInputError: there is no such picture, it is too large, or it is broken.
    """
    if isinstance(source, np.ndarray):
        return array_to_rgb(source, max_pixels=max_pixels, background=background)
    name = picture_name(source)
    with ignore_pillow_warnings(), _translate_errors(name), _open_image(source, name) as (image, file):
        check_pixels(name, image.height, image.width, max_pixels)
        with MEMORY.hold(image.height * image.width):
            canvas = decode_webp(image, file) if file is not None and image.format == "WEBP" else None
            return image_to_rgb(image, name=name, background=background, canvas=canvas)


def read_size(source: Any) -> tuple[int, int]:
    """Return the height and width in the header of the picture in ``source``, which is not decoded. Raises as ``read_picture``.

    ``source`` is a path, or any other that ``read_picture`` opens; not an array. The structure of the file is checked.
    """
    name = picture_name(source)
    with ignore_pillow_warnings(), _translate_errors(name), _open_image(source, name) as (image, _):
        return image.height, image.width


def count_pixels(source: Any) -> int:
    """Return how many pixels the header of the picture in ``source`` declares. Raises as ``read_size``."""
    height, width = read_size(source)
    return height * width


def picture_name(source: Any) -> str:
    """Return the name of ``source`` in messages: its path if it has one."""
    if isinstance(source, str | os.PathLike):
        return repr(os.fspath(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return f"of {len(source)} bytes"
    path = getattr(source, "filename", None) or getattr(source, "name", None)
    return repr(path) if isinstance(path, str) and path else f"given as {type(source).__name__}"


def check_pixels(name: str, height: int, width: int, max_pixels: int) -> None:
    """Raise InvalidInputError if a picture of this size has no pixels, or more than ``max_pixels``."""
    if height < 1 or width < 1:
        raise InvalidInputError(f"picture {name} is {width} x {height} and has no pixels; save it again")
    if height * width > max_pixels:
        raise InvalidInputError(
            f"picture {name} is {width} x {height}, {height * width} pixels; the limit is {max_pixels}, "
            f"{describe_memory(max_pixels)}: make it smaller, or raise max_pixels of load_image"
        )


def describe_memory(pixels: int) -> str:
    """Return how much memory a picture of ``pixels`` needs as RGB, and while it is decoded."""
    return f"{pixels * 3 / 1e6:,.0f} MB as RGB and up to {pixels * BYTES_PER_PIXEL / 1e6:,.0f} MB while it is decoded"


@contextmanager
def _open_image(source: Any, name: str) -> Iterator[tuple[Image, Any]]:
    """Yield the image, and the file that it is in if it was opened here."""
    from PIL import Image

    if isinstance(source, Image.Image):
        _check_undecoded(source, name)
        yield source, None
        return
    with _open_file(source, name) as file, _identify(file, name) as image:
        yield image, file


def _check_undecoded(image: Image, name: str) -> None:
    """Check the file of an image that the caller opened and that is decoded here."""
    file = getattr(image, "fp", None)
    if file is None or not getattr(image, "tile", None) or not _is_seekable(file):
        return
    place = file.tell()
    try:
        check_structure(file, _read_head(file), name)
    finally:
        file.seek(place)


@contextmanager
def _open_file(source: Any, name: str) -> Iterator[Any]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        with open_regular(_find_file(source, name)) as file:
            yield file
    elif callable(getattr(source, "read", None)):
        yield source if _is_seekable(source) else io.BytesIO(_read_stream(source, name))
    else:
        raise InvalidInputError(
            f"picture is {brief(source, 80)} (type {type(source).__name__}); "
            "give a path, bytes, a file, a Pillow image or a numpy array"
        )


def _find_file(source: str | os.PathLike[Any], name: str) -> Path:
    text = os.fsdecode(source)
    if text.startswith(("http:", "https:", "data:")):
        raise InvalidInputError(f"picture {name[:80]} is a URL, not a file; download it, then give its path")
    path = Path(text)
    if not path.exists():
        raise InvalidInputError(f"picture {name} does not exist; a relative path starts at {str(Path.cwd())!r}")
    # A pipe or a device could block forever.
    if not path.is_file():
        raise InvalidInputError(f"picture {name} is {'a folder' if path.is_dir() else 'not a regular file'}; give a file")
    return path


def _read_stream(stream: Any, name: str) -> bytes:
    content: bytes = stream.read(MAX_STREAM_BYTES + 1)
    if len(content) > MAX_STREAM_BYTES:
        raise InvalidInputError(f"picture {name} has more than {MAX_STREAM_BYTES} bytes; save it as a file and give its path")
    return content


def _is_seekable(file: Any) -> bool:
    return callable(getattr(file, "seekable", None)) and bool(file.seekable())


def _read_head(file: Any) -> bytes:
    """Return the first bytes; the position is 0 afterwards, from where Pillow reads wherever the caller has left it."""
    file.seek(0)
    head: bytes = file.read(64)
    file.seek(0)
    return head


def _identify(file: Any, name: str) -> Image:
    from PIL import Image, UnidentifiedImageError, features

    head = _read_head(file)
    check_structure(file, head, name)
    if is_heif(head):
        return open_heif(file, name, head)
    reads_avif = features.check("avif")
    formats = (*FORMATS, "AVIF") if reads_avif else FORMATS
    try:
        return Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        if is_avif(head) and not reads_avif:
            advice = "this Pillow does not read it: pip install --upgrade Pillow"
        else:
            advice = f"save it as {', '.join(formats[:-1])} or {formats[-1]}"
        raise InvalidInputError(f"picture {name} is {describe_content(head)}; {advice}") from error


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    from PIL import Image

    try:
        yield
    except InvalidInputError:
        raise
    except Image.DecompressionBombError as error:
        raise InvalidInputError(f"picture {name} is larger than Pillow's own limit: {error}; make it smaller") from error
    except PermissionError as error:
        raise InvalidInputError(f"picture {name} is not readable by this user; change its permissions") from error
    except MemoryError as error:
        raise InvalidInputError(f"picture {name} is broken or needs more memory than is free; save it again") from error
    except OSError as error:
        # Pillow's own errors about broken files have no number.
        if error.errno is None:
            raise InvalidInputError(f"picture {name} is broken: {type(error).__name__}: {error}; save it again") from error
        raise InvalidInputError(f"picture {name} cannot be read: {error.strerror}; the file itself may be good") from error
    except Exception as error:  # Pillow raises a dozen unrelated classes on broken files
        raise InvalidInputError(f"picture {name} is broken: {type(error).__name__}: {error}; save it again") from error
