"""Record of what ``turnout export`` wrote on this machine, by SHA-256: one empty file each, in the user's own folder.

A model's folder cannot vouch for itself: its author wrote whatever is in it. These lists are below ``$XDG_STATE_HOME``, by
default ``~/.local/state``, where only the user writes: ``made`` for code, which opens without ``trust``, and ``written`` for
files that a later export may remove.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

CODE_SUFFIXES = frozenset({".pt", ".pt2", ".py"})
"""The suffixes of model files whose content is code."""

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class HashList:
    """SHA-256 sums that this user's Turnout has recorded, in a folder called ``name``."""

    name: str

    def add(self, sha256: str) -> None:
        """Record ``sha256``.

        Raises:
            OSError: the folder cannot be written, or the user has no home.
        """
        folder = self._folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / sha256).touch(mode=0o600)

    def __contains__(self, sha256: str) -> bool:
        try:
            return _DIGEST.match(sha256) is not None and (self._folder() / sha256).is_file()
        except OSError:
            return False

    def _folder(self) -> Path:
        # Not beside turnout.yaml: a stranger's project may bring a .turnout of its own.
        try:
            state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        except RuntimeError as error:
            raise OSError(f"{error}; set XDG_STATE_HOME") from error
        return state / "turnout" / self.name


MADE_HERE = HashList("made")
"""Files of code, and version folders."""

WRITTEN_HERE = HashList("written")
"""Files of a model's configuration."""
