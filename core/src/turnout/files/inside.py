"""Paths that come out of files: links resolved, they must be below the folder of the file that names them."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from turnout.errors import ConfigurationError, shown

_LONGEST = 255
_LONGEST_PATH = 4096
_LONGEST_SHOWN = 120


def path_inside(folder: Path, name: str, *others: Path) -> Path:
    """Return the path of ``name`` in ``folder``, for reading.

    Links are followed, and must end below ``folder`` or one of ``others``, such as the real folder of a file behind a link.

    Raises:
        ConfigurationError: the path is elsewhere.
    """
    path = folder / _plain(folder, name)
    try:
        real = path.resolve()
        roots = [root.resolve() for root in (folder, *others)]
    except (OSError, RuntimeError) as error:  # links in a circle
        raise _outside(folder, name) from error
    if not any(real.is_relative_to(root) and real != root for root in roots):
        raise _outside(folder, name)
    return path


def place_inside(folder: Path, name: str) -> Path:
    """Return the place ``name`` in ``folder``, for a file that is written, replaced or removed there.

    A link at the place itself is not followed: such a change is one of the link. Its folder may not be elsewhere.

    Raises:
        ConfigurationError: the place is elsewhere.
    """
    path = folder / _plain(folder, name)
    try:
        parent, root = path.parent.resolve(), folder.resolve()
    except (OSError, RuntimeError) as error:
        raise _outside(folder, name) from error
    if not parent.is_relative_to(root):
        raise _outside(folder, name)
    return path


def is_inside(name: str) -> bool:
    """Return whether ``name`` is a relative path without ``..``, on any system, that a file can have."""
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor
    return not absolute and ".." not in parts and PurePosixPath(name).name != "" and _is_possible(name)


def _is_possible(name: str) -> bool:
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:  # a half of a surrogate pair, out of JSON
        return False
    # A longer one fails wherever it is used first.
    return b"\0" not in encoded and len(encoded) < _LONGEST_PATH and all(len(part) <= _LONGEST for part in encoded.split(b"/"))


def _plain(folder: Path, name: str) -> str:
    if not is_inside(name):
        raise _outside(folder, name)
    return name


def _outside(folder: Path, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{shown(name, _LONGEST_SHOWN)!r} is no path below {str(folder)!r}, the only place that may be named there; "
        "put the file below that folder, "
        "and correct the name"
    )
