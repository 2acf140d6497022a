"""HEIC pictures, the format of iPhones, with the optional package pillow-heif."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidInputError
from turnout_vision.pictures.file_signatures import describe_content

if TYPE_CHECKING:
    from PIL.Image import Image

INSTALL = "pip install pillow-heif"


def open_heif(file: Any, name: str, start: bytes) -> Image:
    """Return the HEIF picture in ``file``, not decoded yet, upright.

    Raises:
        InvalidInputError: pillow-heif is not installed.
    """
    try:
        # Not register_heif_opener: it would change Pillow for the whole app.
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError as error:
        # Not MissingDependencyError: the other pictures of a run can be read.
        raise InvalidInputError(
            f"picture {name} is {describe_content(start)}; to read it, install its decoder: {INSTALL}"
        ) from error
    image: Image = HeifImageFile(file)
    return image
