"""Maps of a picture as files, with the exact numbers: ``photo.depth.npy`` beside ``photo.png``."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.files.atomic import open_atomic
from turnout_vision.regions.region_results import picture_values


def is_map(value: object, size: tuple[int, ...]) -> bool:
    """Return whether ``value`` has an integer or a float for each pixel of a picture of ``size``, height and width."""
    return isinstance(value, np.ndarray) and value.shape == size and value.dtype.kind in "if" and value.size > 0


def save_maps(result: Mapping[str, Any], picture_file: Path, given: Container[str] = ()) -> dict[str, str]:
    """Write each map of ``result`` but those ``given`` by the caller beside ``picture_file``; return the files by name.

    Raises:
        OSError: a file cannot be written.
    """
    size = result["picture"].shape[:2]
    maps = {name: value for name, value in picture_values(result).items() if name not in given and is_map(value, size)}
    # The names of steps of other plugins may be any text.
    return {name: _save_map(value, picture_file, name) for name, value in maps.items() if name.isidentifier()}


def _save_map(values: NDArray[Any], picture_file: Path, name: str) -> str:
    file = picture_file.with_name(f"{picture_file.stem}.{name}.npy")
    with open_atomic(file, mode=0o666) as stream:
        np.save(stream, values, allow_pickle=False)
    return str(file)
