"""The files of code that ``turnout export`` wrote on this machine, by SHA-256: one empty file each, in the user's own folder.

A model's folder cannot vouch for itself: its author wrote whatever is in it. This list is below ``$XDG_STATE_HOME``, by default
``~/.local/state``, where only the user writes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

CODE_SUFFIXES = frozenset({".pt", ".pt2", ".py"})
"""The suffixes of model files whose content is code."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def remember_made_here(sha256: str) -> None:
    """Record that this user's Turnout wrote a file, or a version folder, with this SHA-256.

    Raises:
        OSError: the folder cannot be written, or the user has no home.
    """
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / sha256).touch(mode=0o600)


def is_made_here(sha256: str) -> bool:
    """Return whether this user's Turnout wrote a file, or a version folder, with this SHA-256."""
    try:
        return _DIGEST.match(sha256) is not None and (_folder() / sha256).is_file()
    except OSError:
        return False


def _folder() -> Path:
    # Not beside turnout.yaml: a stranger's project may bring a .turnout of its own.
    try:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError as error:
        raise OSError(f"{error}; set XDG_STATE_HOME") from error
    return state / "turnout" / "made"
