"""The Python files and notebooks below folders, without recursion; links are not followed into folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from turnout_scan.sources.skipped import Skipped

SUFFIXES = (".py", ".pyw", ".ipynb")
DEEPEST = 64
MOST_FILES = 50_000
# They hold no sources of the app; __pycache__ holds no sources at all.
_SILENT = frozenset({"__pycache__"})
_FOREIGN = {
    "site-packages": "packages of others",
    "dist-packages": "packages of others",
    "node_modules": "packages of others",
    "venv": "a virtual environment",
    "env": "a virtual environment",
}


@dataclass(slots=True)
class Tree:
    """The files of a command line.

    Attributes:
        files: each file to read, with the folder that it was found from.
        skipped: what was passed over, with the reason.
    """

    files: list[tuple[Path, Path]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def find_sources(paths: Iterable[Path]) -> Tree:
    """Return the sources of ``paths``, in their order, each file once; a file that is named is read whatever its suffix is."""
    tree, seen = Tree(), set[tuple[int, int]]()
    for path in paths:
        found = _walk(path, tree.skipped) if path.is_dir() else iter((path,))
        root = path if path.is_dir() else path.parent
        for file in found:
            if len(tree.files) >= MOST_FILES:
                tree.skipped.append(Skipped(path, f"it has more than {MOST_FILES} Python files; scan its folders one by one"))
                break
            if _is_new(file, seen, tree.skipped):
                tree.files.append((file, root))
    return tree


def _walk(folder: Path, skipped: list[Skipped]) -> Iterator[Path]:
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(Skipped(place, f"the folder cannot be read: {error.strerror}"))
            continue
        folders = [Path(entry.path) for entry in found if _enters(entry, depth, skipped)]
        yield from (Path(entry.path) for entry in found if entry.name.lower().endswith(SUFFIXES) and not _is_folder(entry))
        waiting += [(inner, depth + 1) for inner in reversed(folders)]


def _enters(entry: os.DirEntry[str], depth: int, skipped: list[Skipped]) -> bool:
    if not _is_folder(entry) or entry.name in _SILENT:
        return False
    reason = _reason_to_pass(entry, depth)
    if reason:
        skipped.append(Skipped(Path(entry.path), reason))
    return not reason


def _reason_to_pass(entry: os.DirEntry[str], depth: int) -> str:
    if entry.is_symlink():
        return "a link to a folder; name the folder itself to scan it"
    if (Path(entry.path) / "pyvenv.cfg").is_file():
        return "a virtual environment"
    if entry.name.startswith("."):
        return "a hidden folder"
    # A package of the app may have one of these names.
    if entry.name in _FOREIGN and not (Path(entry.path) / "__init__.py").is_file():
        return _FOREIGN[entry.name]
    return f"its folders are nested deeper than {DEEPEST}" if depth >= DEEPEST else ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_new(file: Path, seen: set[tuple[int, int]], skipped: list[Skipped]) -> bool:
    """Return whether ``file`` is a regular file that was not seen under another name."""
    try:
        found = file.stat()
    except OSError as error:
        skipped.append(Skipped(file, f"it cannot be read: {error.strerror}"))
        return False
    if not stat.S_ISREG(found.st_mode):
        skipped.append(Skipped(file, "it is no regular file"))
        return False
    new = (found.st_dev, found.st_ino) not in seen
    seen.add((found.st_dev, found.st_ino))
    return new
