"""Publishing into a model repository: a version, its model's configuration or both, in one atomic step.

A reader of the model's folder sees the old state or the new one. The first version appears when a whole folder is renamed. For
later ones the next folder is built from hard links next to the repository and exchanged with the present one. Where folders
cannot be exchanged, the configuration is replaced first and the version appears second: see docs/decisions/0005.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ExportError
from turnout.files.atomic import sync_file, sync_folder
from turnout.files.below import entries_below
from turnout.files.inside import place_inside
from turnout.files.regular import has_content
from turnout.inference import ModelSignature
from turnout.plugins.repositories import Configuration
from turnout.repository.obsolete_files import remember_files, remove_obsolete
from turnout.repository.staging import Stage, exchange, repository_lock, stage_for
from turnout.repository.versions import latest_version, versions

Configure = Callable[[int, ModelSignature], Configuration]
"""Returns the configuration for a version with this number and signature."""


@dataclass(frozen=True, slots=True)
class ExportedVersion:
    """A published version; ``file`` is ``<repository>/<model>/<version>/model.<suffix>``."""

    file: Path
    version: int
    signature: ModelSignature
    configuration: Configuration


def no_configuration(version: int, signature: ModelSignature) -> Configuration:
    """Return an empty configuration."""
    return Configuration()


def publish(
    folder: Path,
    filename: str,
    write: Callable[[Path], ModelSignature],
    configure: Configure = no_configuration,
    version: int | None = None,
) -> ExportedVersion:
    """Publish the file that ``write`` creates, with its configuration, as a new version of the model ``folder``.

    The repository is not locked while ``write`` runs; two exports at once get different versions.

    Raises:
        ExportError: the version exists, or the repository cannot be written.
        ConfigurationError: the configuration names a place that is not in the model's folder.
    """
    _refuse_existing(folder, version)
    try:
        with stage_for(folder) as stage:
            staged = stage.folder / "version"
            staged.mkdir()
            # Triton may run as another user.
            staged.chmod(0o755)
            signature = write(staged / filename)
            sync_file(staged / filename)
            sync_folder(staged)
            with repository_lock(folder.parent) as alone:
                number = version if version is not None else (latest_version(folder) or 0) + 1
                _refuse_existing(folder, number)
                configuration = configure(number, signature)
                _install(stage, folder, configuration, (staged, number), alone=alone)
            remember_files(configuration)
    except OSError as error:
        raise _export_error(folder, error) from error
    return ExportedVersion(folder / str(number) / filename, number, signature, configuration)


def publish_configuration(folder: Path, configure: Callable[[], Configuration]) -> Configuration:
    """Publish the configuration that ``configure`` returns for the model ``folder``; its versions stay unchanged.

    Raises:
        ExportError: the repository cannot be written.
        ConfigurationError: the configuration names a place that is not in the model's folder.
    """
    try:
        with stage_for(folder) as stage, repository_lock(folder.parent) as alone:
            configuration = configure()
            _install(stage, folder, configuration, None, alone=alone)
        remember_files(configuration)
    except OSError as error:
        raise _export_error(folder, error) from error
    return configuration


def _refuse_existing(folder: Path, version: int | None) -> None:
    if version is not None and (folder / str(version)).exists():
        raise ExportError(
            f"version {version} of model {folder.name!r} exists at {str(folder / str(version))!r}; "
            "leave --version out for the next one",
            next_step="leave --version out",
        )


def _export_error(folder: Path, error: OSError) -> ExportError:
    # A cache or a temporary folder may refuse too: then the path says more than the repository.
    own = error.filename is None or str(folder.parent) in str(error.filename)
    return ExportError(
        f"model {folder.name!r} cannot be published in model repository {str(folder.parent)!r}: "
        f"{(error.strerror or error) if own else error}; the repository is unchanged"
    )


def _install(
    stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None, *, alone: bool
) -> None:
    real = _real_folder(folder)
    if stage.beside and not real.exists():
        _build_folder(stage, real, configuration, version).rename(real)
        sync_folder(real.parent)
    elif not _differs(real, configuration):
        if version:
            version[0].rename(real / str(version[1]))
            sync_folder(real)
    elif not (stage.beside and alone and _exchange(stage, real, configuration, version)):
        _replace_files(stage, real, configuration, version)


def _real_folder(folder: Path) -> Path:
    """Return where the model's folder really is; raise ExportError if a link leads to a folder of something else."""
    try:
        real = folder.resolve()
    except RuntimeError as error:  # links in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder)) from error
    if folder.is_symlink() and not (real.is_dir() and (versions(real) or not any(real.iterdir()))):
        raise ExportError(
            f"{str(folder)!r} is a link to {str(real)!r}, which is neither an empty folder nor one of a model with a version; "
            "remove the link, or correct it"
        )
    return real


def _differs(folder: Path, configuration: Configuration) -> bool:
    """Return whether the folder differs; raise ConfigurationError if the configuration names a place outside of it."""
    obsolete = [place_inside(folder, name) for name in configuration.obsolete]
    files = {place_inside(folder, name): content for name, content in configuration.files.items()}
    return any(map(os.path.lexists, obsolete)) or any(not has_content(file, content) for file, content in files.items())


def _exchange(stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None) -> bool:
    whole = _build_folder(stage, folder, configuration, version)
    if exchange(whole, folder):
        sync_folder(folder.parent)
        return True
    if version:
        (whole / str(version[1])).rename(version[0])
    return False


def _build_folder(stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None) -> Path:
    """Build the next state of the model's folder on the stage; unchanged files are linked, not copied."""
    whole = stage.folder / "whole"
    if folder.exists():
        _link_tree(folder, whole)
    else:
        whole.mkdir()
        whole.chmod(0o755)
    remove_obsolete(whole, configuration)
    for name, content in configuration.files.items():
        _write(place_inside(whole, name), content)
    if version:
        version[0].rename(whole / str(version[1]))
    sync_folder(whole)
    return whole


def _replace_files(stage: Stage, folder: Path, configuration: Configuration, version: tuple[Path, int] | None) -> None:
    folder.mkdir(exist_ok=True)
    for number, (name, content) in enumerate(configuration.files.items()):
        written = stage.folder / f"file-{number}"
        _write(written, content)
        place = place_inside(folder, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        written.replace(place)
    sync_folder(folder)
    if version:
        version[0].rename(folder / str(version[1]))
    remove_obsolete(folder, configuration)
    sync_folder(folder)


def _link_tree(source: Path, target: Path) -> None:
    """Create ``target`` with the folders of ``source``, hard links to its files, and its links as they are."""
    target.mkdir()
    folders = [(source, target)]
    for entry in entries_below(source):
        copy = target / Path(entry.path).relative_to(source)
        if entry.is_symlink():
            copy.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            copy.mkdir()
            folders.append((Path(entry.path), copy))
        else:
            _link(entry.path, copy)
    for folder, copied in folders:
        shutil.copystat(folder, copied)


def _link(source: str, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # no hard links here, or too many of them
        shutil.copy2(source, target)


def _write(file: Path, content: bytes) -> None:
    """Write a new file. The old one is unlinked first: the present folder has a hard link to it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    file.chmod(0o644)
    sync_file(file)
