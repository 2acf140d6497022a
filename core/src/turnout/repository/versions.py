"""The version folders of a model, in Triton's layout: ``<repository>/<model>/<version>/``, and which of them is served."""

from __future__ import annotations

from pathlib import Path

from turnout.repository.version_policy import read_version_policy


def is_version(name: str) -> bool:
    """Return whether a folder called ``name`` is a version: a number without leading zeros, as Triton reads it."""
    return name.isascii() and name.isdecimal() and not name.startswith("0")


def versions(model_folder: Path) -> list[int]:
    """Return the versions of a model, ascending. Empty if there is no such folder.

    Raises:
        OSError: the folder cannot be read.
    """
    if not model_folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in model_folder.iterdir() if is_version(entry.name) and entry.is_dir())


def latest_version(model_folder: Path) -> int | None:
    """Return the greatest version of a model, served or not; None if it has none. Raises as ``versions``."""
    return max(versions(model_folder), default=None)


def evident_version(model_folder: Path) -> int | None:
    """Return the version that evidence is about: the greatest that the version policy serves, whatever its files.

    None if there is none. Raises as ``versions``.
    """
    return max(read_version_policy(model_folder).select(versions(model_folder)), default=None)


def served_versions(model_folder: Path, filename: str) -> list[int]:
    """Return the versions that a backend of ``filename`` serves, ascending: the version policy's, without those of other files.

    The policy is that of the model's config.pbtxt, which a server follows; without one it is the greatest version. An empty
    version counts, as it does for a server, which fails at it: an older one must not answer without a word. Raises as
    ``versions``.
    """
    present = [version for version in versions(model_folder) if _is_of(model_folder / str(version), filename)]
    return read_version_policy(model_folder).select(present)


def _is_of(version: Path, filename: str) -> bool:
    return (version / filename).exists() or not any(version.iterdir())


def served_version(model_folder: Path, filename: str) -> int | None:
    """Return the version that answers a request without a version: the greatest one served; None if there is none."""
    return max(served_versions(model_folder, filename), default=None)
