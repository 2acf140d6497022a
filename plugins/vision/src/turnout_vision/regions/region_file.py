"""Region files: the regions of one picture as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from turnout.errors import InvalidInputError
from turnout.files.limits import REGIONS
from turnout.files.strict_json import read_json
from turnout_vision.brief_text import brief


def region_file_path(picture: Path) -> Path:
    """Return the path of the region file of ``picture``: ``photo.regions.json`` for ``photo.jpg``, in the same folder."""
    return picture.with_suffix(".regions.json")


def find_regions(regions: Any, image: Any) -> Any:
    """Return the regions of ``image`` as given or read from their file, not parsed yet. Raises as ``read_region_file``."""
    if isinstance(regions, str | os.PathLike):
        return read_region_file(Path(os.fsdecode(regions)))
    if regions is not None:
        return regions
    if not isinstance(image, str | os.PathLike):
        return ()
    file = region_file_path(Path(os.fsdecode(image)))
    return read_region_file(file) if os.path.lexists(file) else ()


def read_region_file(file: Path) -> Any:
    """Return the content of ``file``: ``{"regions": [{"box": [left, top, right, bottom], "label": "optional"}]}`` or a list.

    Raises:
        InvalidInputError: the file is not readable, too large, not valid JSON or of another form.
    """
    try:
        value = read_json(file, REGIONS)
    except OSError as error:
        raise InvalidInputError(f"region file {str(file)!r} cannot be read: {error.strerror}; check the path") from error
    except ValueError as error:
        raise InvalidInputError(f"region file {str(file)!r} is not valid JSON: {error}; fix or remove it") from error
    if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("regions"), list)):
        return value
    raise InvalidInputError(
        f'region file {str(file)!r} must be {{"regions": [{{"box": [left, top, right, bottom]}}]}}, got {brief(value)}'
    )
