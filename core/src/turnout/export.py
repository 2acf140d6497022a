"""Exporting a model: written by a plugin, published as a new version in a model repository."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout.errors import ExportError, TurnoutError, UnknownNameError, one_line, unknown_name
from turnout.hookspecs import Exporter, ExportRequest
from turnout.inference import ModelSignature
from turnout.plugins import Plugins
from turnout.settings import LoadedSettings


@dataclass(frozen=True, slots=True)
class ExportedVersion:
    """A version in a model repository: ``file`` is ``<repository>/<model>/<version>/model.<suffix>``."""

    file: Path
    version: int
    signature: ModelSignature


def versions(model_folder: Path) -> list[int]:
    """Return the numeric version folders of a model, ascending; Triton serves the greatest by default."""
    if not model_folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in model_folder.iterdir() if entry.is_dir() and entry.name.isdecimal())


def publish(
    repository: Path, model: str, filename: str, write: Callable[[Path], ModelSignature], version: int | None = None
) -> ExportedVersion:
    """Have ``write`` make the model's file, then publish it in one atomic step as a new version.

    A version appears whole or not at all: the file is written beside it and the folder renamed.

    Raises:
        ExportError: the version exists, or the repository cannot be written.
    """
    folder = repository / model
    number = version if version is not None else max(versions(folder), default=0) + 1
    target = folder / str(number)
    if target.exists():
        raise ExportError(
            f"version {number} of model {model!r} exists at {str(target)!r}; leave --version out for the next one"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".exporting-", dir=folder))
    except OSError as error:
        raise ExportError(f"model repository {str(repository)!r} cannot be written: {error.strerror}") from error
    try:
        signature = write(made / filename)
        _sync(made / filename)
        made.chmod(0o755)
        made.rename(target)
    except OSError as error:
        raise ExportError(f"version {number} of model {model!r} cannot be published: {error.strerror}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return ExportedVersion(target / filename, number, signature)


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def export_model(
    loaded: LoadedSettings, plugins: Plugins, model: str, format: str, repository: Path, version: int | None = None
) -> ExportedVersion:
    """Write ``model`` in ``format`` as a new version into ``repository``; blocks, for up to minutes.

    Raises:
        UnknownNameError: there is no such model or format, or the model has no options for the exporter's backend.
        ExportError: the model cannot be written.
    """
    if model not in loaded.settings.models:
        raise unknown_name("model", model, loaded.settings.models, f"In {loaded.source}.")
    exporter = plugins.exporter(format)
    options = loaded.backend_options.get((model, exporter.backend))
    if options is None:
        raise UnknownNameError(
            f"exporting {model!r} as {format!r} needs models.{model}.backends.{exporter.backend}, which says where the model "
            f"comes from; {loaded.where('models', model)} has: {', '.join(loaded.settings.models[model].backends)}"
        )
    declaration = loaded.settings.models[model].declaration(model, loaded.folder)
    return publish(
        repository,
        model,
        exporter.filename,
        lambda file: _write(exporter, ExportRequest(declaration, options, file)),
        version,
    )


def _write(exporter: Exporter, request: ExportRequest) -> ModelSignature:
    try:
        return exporter.export(request)
    except (TurnoutError, OSError):
        raise
    except Exception as error:
        raise ExportError(
            f"model {request.model.name!r} cannot be exported as {exporter.format!r}: {one_line(error)}"
        ) from error
