"""The version folders of a model, in Triton's layout: ``<repository>/<model>/<version>/``."""

from __future__ import annotations

from pathlib import Path


def is_version(name: str) -> bool:
    """Return whether a folder called ``name`` is a version: a number without leading zeros, as Triton reads it."""
    return name.isascii() and name.isdecimal() and not name.startswith("0")


def versions(model_folder: Path) -> list[int]:
    """Return the versions of a model, ascending; Triton serves the greatest by default. Empty if there is no such folder.

    Raises:
        OSError: the folder cannot be read.
    """
    if not model_folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in model_folder.iterdir() if is_version(entry.name) and entry.is_dir())


def latest_version(model_folder: Path) -> int | None:
    """Return the greatest version of a model; None if it has none. Raises as ``versions``."""
    return max(versions(model_folder), default=None)
