"""Publishing in a model repository: a version, its model's configuration or both, in one atomic step.

Whoever opens the model's folder sees it as it was or as it is to be. The first version comes by renaming a whole folder. Later
the next folder is built of hard links beside the repository and exchanged with the present one. Where folders cannot be
exchanged, the configuration is replaced first and the version appears second: docs/decisions/0005 says why.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ExportError
from turnout.inference import ModelSignature
from turnout.plugins.repositories import Configuration
from turnout.repository.staging import Stage, exchange, locked, stage_for, sync_file, sync_folder

Configure = Callable[[int, ModelSignature], Configuration]
"""Returns the configuration that goes with a version of this number and signature."""


@dataclass(frozen=True, slots=True)
class ExportedVersion:
    """A version in a model repository: ``file`` is ``<repository>/<model>/<version>/model.<suffix>``."""

    file: Path
    version: int
    signature: ModelSignature
    configuration: Configuration


def no_configuration(version: int, signature: ModelSignature) -> Configuration:
    """Configure nothing."""
    return Configuration()


def versions(model_folder: Path) -> list[int]:
    """Return the numeric version folders of a model, ascending; Triton serves the greatest by default."""
    if not model_folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in model_folder.iterdir() if entry.is_dir() and _is_version(entry.name))


def _is_version(name: str) -> bool:
    # Triton ignores version folders whose names start with a zero.
    return name.isascii() and name.isdecimal() and not name.startswith("0")


def publish(
    folder: Path,
    filename: str,
    write: Callable[[Path], ModelSignature],
    configure: Configure = no_configuration,
    version: int | None = None,
) -> ExportedVersion:
    """Have ``write`` make the model's file, then publish it with its configuration as a new version of the model ``folder``.

    Nobody is locked out while ``write`` works; two at once get different versions.

    Raises:
        ExportError: the version exists, or the repository cannot be written.
    """
    _refuse_existing(folder, version)
    try:
        with stage_for(folder) as stage:
            made = stage.folder / "version"
            made.mkdir()
            made.chmod(0o755)
            signature = write(made / filename)
            sync_file(made / filename)
            sync_folder(made)
            with locked(folder.parent) as alone:
                number = version if version is not None else max(versions(folder), default=0) + 1
                _refuse_existing(folder, number)
                configuration = configure(number, signature)
                _install(stage, folder, configuration, (made, number), alone=alone)
    except OSError as error:
        raise _cannot(folder, error) from error
    return ExportedVersion(folder / str(number) / filename, number, signature, configuration)


def publish_configuration(folder: Path, configure: Callable[[], Configuration]) -> Configuration:
    """Give the model ``folder`` the configuration that ``configure`` returns; its versions stay as they are.

    Raises:
        ExportError: the repository cannot be written.
    """
    try:
        with stage_for(folder) as stage, locked(folder.parent) as alone:
            configuration = configure()
            _install(stage, folder, configuration, None, alone=alone)
    except OSError as error:
        raise _cannot(folder, error) from error
    return configuration


def _refuse_existing(folder: Path, version: int | None) -> None:
    if version is not None and (folder / str(version)).exists():
        raise ExportError(
            f"version {version} of model {folder.name!r} exists at {str(folder / str(version))!r}; "
            "leave --version out for the next one"
        )


def _cannot(folder: Path, error: OSError) -> ExportError:
    return ExportError(
        f"model {folder.name!r} cannot be published in model repository {str(folder.parent)!r}: "
        f"{error.strerror or error}; the repository is as it was"
    )


def _install(
    stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None, *, alone: bool
) -> None:
    real = folder.resolve()
    if stage.beside and not real.exists():
        _whole(stage, real, configuration, version).rename(real)
        sync_folder(real.parent)
    elif not _changes(real, configuration):
        if version:
            version[0].rename(real / str(version[1]))
            sync_folder(real)
    elif not (stage.beside and alone and _exchanged(stage, real, configuration, version)):
        _one_by_one(stage, real, configuration, version)


def _changes(folder: Path, configuration: Configuration) -> bool:
    return any((folder / name).exists() for name in configuration.obsolete) or any(
        not (folder / name).is_file() or (folder / name).read_bytes() != content
        for name, content in configuration.files.items()
    )


def _exchanged(stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None) -> bool:
    whole = _whole(stage, folder, configuration, version)
    if exchange(whole, folder):
        sync_folder(folder.parent)
        return True
    if version:
        (whole / str(version[1])).rename(version[0])
    return False


def _whole(stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None) -> Path:
    """Return the model's folder as it is to be, built on the stage; what stays is linked, not copied."""
    whole = stage.folder / "whole"
    if folder.exists():
        shutil.copytree(folder, whole, symlinks=True, copy_function=_link)
    else:
        whole.mkdir()
        whole.chmod(0o755)
    for name in configuration.obsolete:
        (whole / name).unlink(missing_ok=True)
    for name, content in configuration.files.items():
        _write(whole / name, content)
    if version:
        version[0].rename(whole / str(version[1]))
    sync_folder(whole)
    return whole


def _one_by_one(stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None) -> None:
    folder.mkdir(exist_ok=True)
    for number, (name, content) in enumerate(configuration.files.items()):
        written = stage.folder / f"file-{number}"
        _write(written, content)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        written.replace(folder / name)
    sync_folder(folder)
    if version:
        version[0].rename(folder / str(version[1]))
    for name in configuration.obsolete:
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # no hard links here, or too many of them
        shutil.copy2(source, target)


def _write(file: Path, content: bytes) -> None:
    """Write a new file; one that is linked elsewhere stays as it is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    file.chmod(0o644)
    sync_file(file)
