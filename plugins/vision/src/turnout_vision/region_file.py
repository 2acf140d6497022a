"""Regions that come in a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from turnout.errors import InvalidInputError

MAX_BYTES = 8_000_000


def region_file_of(picture: Path) -> Path:
    """Return where the regions of ``picture`` are looked for: ``photo.regions.json`` beside ``photo.jpg``."""
    return picture.with_suffix(".regions.json")


def read_region_file(file: Path) -> Any:
    """Return what ``file`` holds: ``{"regions": [{"box": [left, top, right, bottom], "label": "optional"}]}``.

    Raises:
        InvalidInputError: it cannot be read, is too large, or is no such JSON.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InvalidInputError(f"region file {str(file)!r} has more than {MAX_BYTES} bytes; give fewer regions")
        value = json.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise InvalidInputError(f"region file {str(file)!r} cannot be read: {error.strerror}; check the path") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"region file {str(file)!r} is broken JSON: {error}; mend or remove it") from error
    if isinstance(value, list) or (isinstance(value, dict) and isinstance(value.get("regions"), list)):
        return value
    raise InvalidInputError(
        f'region file {str(file)!r} must hold {{"regions": [{{"box": [left, top, right, bottom]}}]}}, got {value!r:.60}'
    )
