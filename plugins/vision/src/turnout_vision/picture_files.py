"""The picture files that a command is given."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


def find_pictures(paths: Iterable[Path], *, besides: Path | None = None) -> list[Path]:
    """Return ``paths`` with each folder replaced by the pictures in it and below, sorted, each once.

    Hidden files, and everything in the folder ``besides``, are passed over. A path that is no folder is taken as it is.
    """
    found: dict[Path, None] = {}
    for path in paths:
        found |= dict.fromkeys(_inside(path, besides) if path.is_dir() else [path])
    return list(found)


def png_names(pictures: Sequence[Path]) -> Mapping[Path, str]:
    """Return a name such as ``photo.png`` for each picture; where two would share one, both carry a hash of their path."""
    stems = Counter(picture.stem.casefold() for picture in pictures)
    return {
        picture: f"{picture.stem}.png" if stems[picture.stem.casefold()] == 1 else f"{picture.stem}-{_hash(picture)}.png"
        for picture in pictures
    }


def _inside(folder: Path, besides: Path | None) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not (besides and file.resolve().is_relative_to(besides.resolve()))
        and file.is_file()
    ]


def _hash(picture: Path) -> str:
    return hashlib.sha256(str(picture).encode(errors="surrogateescape")).hexdigest()[:8]
