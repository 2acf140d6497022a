"""Picture files on a command line, and the names of their annotated copies."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from turnout.files.regular import open_regular
from turnout_vision.pictures.file_signatures import is_picture

# All that people call pictures: a file of a format that is not read fails by name instead of vanishing.
_READ = (
    ".avif",
    ".bmp",
    ".dib",
    ".gif",
    ".heic",
    ".heif",
    ".hif",
    ".jfif",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".png",
    ".tif",
    ".tiff",
    ".webp",
)
_RAW = (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2")
_OTHER = (".ico", ".j2k", ".jp2", ".jxl", ".pbm", ".pgm", ".pnm", ".ppm", ".psd", ".svg", ".tga")
SUFFIXES = frozenset((*_READ, *_RAW, *_OTHER))
_REGIONS = ".regions.json"


@dataclass(slots=True)
class FoundFiles:
    """The files of a command line: each one in its folders is a picture, or counted.

    Attributes:
        pictures: in the given order; those of a folder are sorted.
        others: the files that are not pictures, by suffix.
        hidden: the number of hidden files and folders.
        linked: the number of linked folders, which are not entered.
        unreadable: the folders that cannot be read, with the reason.
    """

    pictures: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    linked: int = 0
    unreadable: list[str] = field(default_factory=list)

    def describe_skipped(self) -> list[str]:
        """Return a line for each kind of what was skipped."""
        lines = [f"error: {folder}" for folder in self.unreadable]
        if self.others:
            kinds = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in self.others.most_common())
            lines.append(f"note: {_count(self.others.total(), 'file')} skipped, not pictures: {kinds}")
        if self.hidden:
            lines.append(f"note: {_count(self.hidden, 'hidden file or folder', 'hidden files and folders')} skipped")
        if self.linked:
            lines.append(f"note: {_count(self.linked, 'linked folder')} skipped; give it by its path to read it")
        return lines


def find_pictures(paths: Iterable[Path], *, exclude: Path | None = None) -> FoundFiles:
    """Return ``paths`` without duplicates; each folder is replaced by the pictures in it and its subfolders, sorted.

    A file in a folder is a picture by its suffix or its first bytes. Everything in the folder ``exclude`` is passed over. A
    path that is not a folder counts as a picture.
    """
    found = FoundFiles()
    pictures: dict[Path, None] = {}
    for path in paths:
        pictures |= dict.fromkeys(sorted(_list_pictures(path, exclude, found)) if path.is_dir() else [path])
    found.pictures = list(pictures)
    return found


def png_names(pictures: Sequence[Path]) -> Mapping[Path, str]:
    """Return a name such as ``photo.png`` for each picture; pictures with the same name get a hash of their path."""
    # Case is ignored, because some file systems do.
    stems = Counter(picture.stem.casefold() for picture in pictures)
    return {
        picture: f"{picture.stem}.png" if stems[picture.stem.casefold()] == 1 else f"{picture.stem}-{_hash(picture)}.png"
        for picture in pictures
    }


def _list_pictures(folder: Path, exclude: Path | None, found: FoundFiles) -> Iterator[Path]:
    """Yield the pictures in ``folder``; count everything else in ``found``."""

    def refuse(error: OSError) -> None:
        found.unreadable.append(f"folder {error.filename!r} cannot be read: {error.strerror}")

    for place, folders, files in os.walk(folder, onerror=refuse):
        here = Path(place)
        found.hidden += sum(name.startswith(".") for name in (*folders, *files))
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_excluded(here / name, exclude)]
        found.linked += sum((here / name).is_symlink() for name in folders)
        stems = {Path(name).stem for name in files if Path(name).suffix.lower() in SUFFIXES}
        for name in files:
            if name.startswith(".") or (name.endswith(_REGIONS) and name.removesuffix(_REGIONS) in stems):
                continue
            if _is_picture(here / name):
                yield here / name
            else:
                found.others[Path(name).suffix.lower()] += 1


def _is_excluded(folder: Path, exclude: Path | None) -> bool:
    return exclude is not None and folder.resolve() == exclude.resolve()


def _is_picture(file: Path) -> bool:
    if file.suffix.lower() in SUFFIXES:
        return True
    # A pipe would block; a link may lead nowhere.
    if not file.is_file():
        return False
    try:
        with open_regular(file) as stream:
            return is_picture(stream.read(16))
    except OSError:
        return False


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _hash(picture: Path) -> str:
    return hashlib.sha256(str(picture).encode(errors="surrogateescape")).hexdigest()[:8]
