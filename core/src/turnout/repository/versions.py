"""The version folders of a model, in Triton's layout: ``<repository>/<model>/<version>/``, and which of them is served."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from turnout.errors import ModelLoadError
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


def version_of(files: Iterable[Path]) -> tuple[Path, int] | None:
    """Return the model's folder in a repository and the version that ``files`` are in; None if they are in none."""
    for file in files:
        # A large model is a folder with a file's name, with the file and its weights inside.
        inside = [file.parent.parent] if file.parent.suffix else []
        for folder in (file, file.parent, *inside):
            if is_version(folder.name):
                return folder.parent.resolve(), int(folder.name)
    return None


def version_folder_of(files: Iterable[Path]) -> Path | None:
    """Return the version folder that ``files`` are in; None if they are in none."""
    found = version_of(files)
    return None if found is None else found[0] / str(found[1])


def version_text(files: Iterable[Path]) -> str:
    """Return the version that ``files`` are in, as a response names it; empty if they are in none."""
    found = version_of(files)
    return "" if found is None else str(found[1])


def evident_version(model_folder: Path, chosen: str = "") -> int | None:
    """Return the version that evidence is about: ``chosen``, else the greatest that the version policy serves.

    Whatever its files are. None if there is none. Raises as ``versions``.
    """
    if chosen:
        return int(chosen) if int(chosen) in versions(model_folder) else None
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


def served_version(model_folder: Path, filename: str, chosen: str = "") -> int | None:
    """Return the version that answers: ``chosen``, the model's ``version`` in turnout.yaml, else the greatest one served.

    None if there is none, or ``chosen`` does not exist.
    """
    if chosen:
        return int(chosen) if int(chosen) in versions(model_folder) else None
    return max(served_versions(model_folder, filename), default=None)


def missing_version(model_folder: Path, chosen: str, model: str) -> ModelLoadError:
    """Return the error for a model whose ``version`` in turnout.yaml, ``chosen``, is not in its folder."""
    present = ", ".join(map(str, versions(model_folder))) or "none"
    return ModelLoadError(
        f"model {model!r}: its 'version' is {chosen}, and {str(model_folder)!r} has: {present}; write it with turnout "
        f"export, or choose another: turnout switch {model} --version NUMBER"
    )


def check_version(file: Path, chosen: str, model: str) -> None:
    """Raise ModelLoadError if ``file`` is in a version folder other than ``chosen``; nothing is chosen if that is empty."""
    found = version_of([file])
    if chosen and found is not None and str(found[1]) != chosen:
        raise ModelLoadError(
            f"model {model!r}: its 'version' is {chosen}, and its path names version {found[1]}: {str(file)!r}; "
            f"set the path to the model's folder, {str(found[0])!r}"
        )
