"""The entries below a folder, found without recursion: folders of a stranger may be nested as deep as a path is long."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

DEEPEST = 64
"""How deep folders may be nested in each other."""


def files_below(folder: Path) -> list[Path]:
    """Return the regular files below ``folder``, and links to such, in the order of their paths.

    Raises:
        OSError: a folder cannot be read, or is nested deeper than ``DEEPEST``.
    """
    return sorted(file for entry in entries_below(folder) if (file := Path(entry.path)).is_file())


def entries_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield each entry below ``folder`` by its name, a folder before what it has; links are not followed.

    Raises:
        OSError: a folder cannot be read, or is nested deeper than ``DEEPEST``.
    """
    waiting = [(str(folder), 0)]
    while waiting:
        place, depth = waiting.pop()
        if depth > DEEPEST:
            raise OSError(errno.ENAMETOOLONG, f"its folders are nested deeper than {DEEPEST}", str(folder))
        with os.scandir(place) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        yield from found
        waiting += [(entry.path, depth + 1) for entry in reversed(found) if entry.is_dir(follow_symlinks=False)]
