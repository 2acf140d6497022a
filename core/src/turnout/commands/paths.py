"""Paths as messages show them."""

from __future__ import annotations

import os
from pathlib import Path


def display_path(file: Path, base: Path) -> str:
    """Return ``file`` relative to ``base``; unchanged if it is not below ``base``."""
    relative = os.path.relpath(file, base)
    return str(file) if relative.startswith(os.pardir) else relative
