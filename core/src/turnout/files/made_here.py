"""Record of what ``turnout export`` wrote on this machine, by SHA-256: one empty file each, in the user's own folder.

A model's folder cannot vouch for itself: its author wrote whatever is in it. These lists are below ``$XDG_STATE_HOME``, by
default ``~/.local/state``, where only the user writes: ``made`` for code, which opens without ``trust``, and ``written`` for
files that a later export may remove.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

CODE_SUFFIXES = frozenset({".pt", ".pt2", ".py"})
"""The suffixes of model files whose content is code."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def remember_made_here(sha256: str) -> None:
    """Record that this user's Turnout wrote a file of code, or a version folder, with this SHA-256.

    Raises:
        OSError: the folder cannot be written, or the user has no home.
    """
    _remember("made", sha256)


def is_made_here(sha256: str) -> bool:
    """Return whether this user's Turnout wrote a file of code, or a version folder, with this SHA-256."""
    return _is_known("made", sha256)


def remember_written_here(sha256: str) -> None:
    """Record that this user's Turnout wrote a file of a model's configuration with this SHA-256.

    Raises:
        OSError: the folder cannot be written, or the user has no home.
    """
    _remember("written", sha256)


def is_written_here(sha256: str) -> bool:
    """Return whether this user's Turnout wrote a file of a model's configuration with this SHA-256."""
    return _is_known("written", sha256)


def _remember(kind: str, sha256: str) -> None:
    folder = _folder(kind)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / sha256).touch(mode=0o600)


def _is_known(kind: str, sha256: str) -> bool:
    try:
        return _DIGEST.match(sha256) is not None and (_folder(kind) / sha256).is_file()
    except OSError:
        return False


def _folder(kind: str) -> Path:
    # Not beside turnout.yaml: a stranger's project may bring a .turnout of its own.
    try:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError as error:
        raise OSError(f"{error}; set XDG_STATE_HOME") from error
    return state / "turnout" / kind
