"""The files that ``turnout record`` sends: as named, and those of a folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from turnout.errors import InvalidInputError, count_of
from turnout.files.below import files_below

logger = logging.getLogger(__name__)

TENSORS = ".npz"
_NOTES = frozenset({".json", ".jsonl", ".txt", ".md", ".csv", ".yaml", ".yml"})
"""Suffixes of files next to pictures in a folder, such as their regions or labels."""


def expand_folders(named: Sequence[Path]) -> list[Path]:
    """Return ``named`` with the files of each folder, and of the folders below it, in its place, by name.

    Notes are passed over with a warning, and so are arrays beside other files; not notes with the name of a file, such as
    photo.regions.json beside photo.jpg. Hidden files are no input.

    Raises:
        InvalidInputError: a folder has no file that can be sent.
    """
    return [file for path in named for file in (_files_of(path) if path.is_dir() else [path])]


def _files_of(folder: Path) -> list[Path]:
    listed = [file for file in _list_files(folder) if not _is_hidden(file, folder)]
    pictures = [file for file in listed if file.suffix.lower() not in _NOTES and file.suffix.lower() != TENSORS]
    chosen = pictures or [file for file in listed if file.suffix.lower() == TENSORS]
    if not chosen:
        raise InvalidInputError(
            f"folder {str(folder)!r} has no file to send, of {len(listed)}; give pictures for a pipeline, or .npz files",
            next_step="name a folder of pictures, or of .npz files",
        )
    stems = {(file.parent, file.stem) for file in chosen}
    left = [file for file in listed if file not in set(chosen) and (file.parent, file.name.partition(".")[0]) not in stems]
    if left:
        logger.warning("passed over %s of %r, such as %r", count_of(len(left), "file"), str(folder), left[0].name)
    return chosen


def _list_files(folder: Path) -> list[Path]:
    try:
        return files_below(folder)
    except OSError as error:
        raise InvalidInputError(f"folder {str(folder)!r} cannot be read: {error.strerror or error}") from error


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
