"""The font with which Pix2Struct's questions are written into pictures."""

from __future__ import annotations

from pathlib import Path

from turnout.errors import ConfigurationError
from turnout.files.limits import FONT
from turnout.files.regular import read_regular
from turnout_vision.checkpoints.checkpoint import Checkpoint
from turnout_vision.preprocess.headers import HeaderWriter

_FILE = "Arial.TTF"
# Where transformers downloads it from.
_HUB = "ybelkada/fonts"


def read_header_writer(checkpoint: Checkpoint) -> HeaderWriter:
    """Return the writer of questions with the font beside ``checkpoint``, or else that of transformers. May block on the hub.

    Raises:
        ConfigurationError: there is no font, or it cannot be read.
    """
    file = _find(checkpoint)
    try:
        return HeaderWriter(read_regular(file, FONT), f"checkpoint {checkpoint.name!r}: {str(file)!r}")
    except OSError as error:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r}: {str(file)!r} cannot be read: {error.strerror or error}; correct that file"
        ) from error


def _find(checkpoint: Checkpoint) -> Path:
    try:
        found = checkpoint.file(_FILE) or Checkpoint(_HUB).file(_FILE)
    except ConfigurationError:
        found = None
    if found is None:
        raise ConfigurationError(
            f"checkpoint {checkpoint.name!r} reads questions that are written into the picture, and the font is neither in its "
            f"folder nor in the hub's cache; put {_FILE!r} into the folder, or run: hf download {_HUB} {_FILE}"
        )
    return found
