"""Picture files on a command line, and the names of their annotated copies."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


def find_pictures(paths: Iterable[Path], *, exclude: Path | None = None) -> list[Path]:
    """Return ``paths`` without duplicates; each folder is replaced by the pictures in it and its subfolders, sorted.

    Hidden files and everything in the folder ``exclude`` are skipped. A path that is not a folder is returned unchanged.
    """
    found: dict[Path, None] = {}
    for path in paths:
        found |= dict.fromkeys(_list_pictures(path, exclude) if path.is_dir() else [path])
    return list(found)


def png_names(pictures: Sequence[Path]) -> Mapping[Path, str]:
    """Return a name such as ``photo.png`` for each picture; pictures with the same name get a hash of their path."""
    # Case is ignored, because some file systems do.
    stems = Counter(picture.stem.casefold() for picture in pictures)
    return {
        picture: f"{picture.stem}.png" if stems[picture.stem.casefold()] == 1 else f"{picture.stem}-{_hash(picture)}.png"
        for picture in pictures
    }


def _list_pictures(folder: Path, exclude: Path | None) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not (exclude and file.resolve().is_relative_to(exclude.resolve()))
        and file.is_file()
    ]


def _hash(picture: Path) -> str:
    return hashlib.sha256(str(picture).encode(errors="surrogateescape")).hexdigest()[:8]
