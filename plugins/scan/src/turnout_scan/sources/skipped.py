"""A file or folder that is not scanned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not scanned, with the reason."""

    file: Path
    reason: str
