"""Exporting a model: written by a plugin, published with its configuration as a new version in a model repository."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from turnout.errors import ExportError, TurnoutError, UnknownNameError, one_line
from turnout.inference import ModelSignature
from turnout.parity import Verdict
from turnout.plugins.declarations import Exporter, ExportRequest, ModelDeclaration
from turnout.plugins.discovery import Plugins
from turnout.plugins.repositories import Configuration, ConfigurationRequest, Repository
from turnout.repository.evidence import Evidence, fingerprint, write_evidence
from turnout.repository.publishing import ExportedVersion, publish, publish_configuration, versions
from turnout.settings import LoadedSettings

logger = logging.getLogger(__name__)

DEFAULT_REPOSITORY = "model_repository"


def export_model(
    loaded: LoadedSettings,
    plugins: Plugins,
    model: str,
    format: str,
    repository: Path | None = None,
    version: int | None = None,
    *,
    overwrite: bool = False,
) -> ExportedVersion:
    """Write ``model`` in ``format`` as a new version, with its configuration; blocks, for up to minutes.

    By default it is the next version, in the repository that the settings name. ``overwrite`` also replaces a configuration
    that somebody wrote by hand.

    Raises:
        UnknownNameError: there is no such model or format, or the model has no options for the exporter's backend.
        ExportError: the model cannot be written, or cannot be served.
    """
    declaration = _declaration(loaded, model)
    exporter = plugins.exporter(format)
    options = loaded.backend_options.get((model, exporter.backend))
    if options is None:
        raise UnknownNameError(
            f"exporting {model!r} as {format!r} needs models.{model}.backends.{exporter.backend}, which says where the model "
            f"comes from; {loaded.where('models', model)} has: {', '.join(loaded.settings.models[model].backends)}"
        )
    folder = model_folder(loaded, plugins, model, repository)

    def configure(number: int, signature: ModelSignature) -> Configuration:
        published = {"version": number, "file": exporter.filename, "signature": signature, "overwrite": overwrite}
        return _configuration(loaded, plugins, declaration, folder, published)

    declared = ModelSignature(declaration.inputs, declaration.outputs)
    if declared.inputs and declared.outputs:
        # What cannot be served is said before the minutes that an exporter may take.
        configure(version or max(versions(folder), default=0) + 1, declared)
    proved: dict[str, Any] = {}
    exported = publish(
        folder,
        exporter.filename,
        lambda file: _write(exporter, ExportRequest(declaration, options, file, proved.update)),
        configure,
        version,
    )
    _keep_evidence(loaded, exporter, declaration.name, exported, proved)
    return exported


def export_configuration(
    loaded: LoadedSettings, plugins: Plugins, model: str, repository: Path | None = None, *, overwrite: bool = False
) -> tuple[Path, Configuration]:
    """Write the configuration of ``model`` beside the versions that its folder has; return the folder and what was written.

    Raises:
        UnknownNameError: there is no such model, or no plugin that keeps a configuration.
        ExportError: the model cannot be served as it is.
    """
    declaration = _declaration(loaded, model)
    if not plugins.repositories():
        raise UnknownNameError(
            f"model {model!r} gets no configuration: no plugin here keeps one; for Triton: pip install turnout-triton"
        )
    folder = model_folder(loaded, plugins, model, repository)

    def configure() -> Configuration:
        return _configuration(loaded, plugins, declaration, folder, {"overwrite": overwrite})

    return folder, publish_configuration(folder, configure)


def model_folder(loaded: LoadedSettings, plugins: Plugins, model: str, repository: Path | None = None) -> Path:
    """Return the folder of ``model`` in ``repository``, or where the options of a repository's backend locate it."""
    declaration = _declaration(loaded, model)
    located = loaded.folder / DEFAULT_REPOSITORY / model
    for kind in plugins.repositories():
        options = loaded.backend_options.get((model, kind.backend))
        if options is not None:
            located = kind.locate(declaration, options)
    return repository / located.name if repository is not None else located


def _declaration(loaded: LoadedSettings, model: str) -> ModelDeclaration:
    loaded.check_model(model)
    return loaded.settings.models[model].declaration(model, loaded.folder)


def _configuration(
    loaded: LoadedSettings, plugins: Plugins, declaration: ModelDeclaration, folder: Path, more: dict[str, Any]
) -> Configuration:
    """Return what all kinds of repositories want beside the versions of one model."""
    parts = []
    for kind in plugins.repositories():
        options = loaded.backend_options.get((declaration.name, kind.backend))
        request = ConfigurationRequest(declaration, options, folder, **more)
        parts.append(_asked(kind, request))
    return Configuration(
        {name: content for part in parts for name, content in part.files.items()},
        frozenset(name for part in parts for name in part.obsolete),
        tuple(note for part in parts for note in part.notes),
    )


def _keep_evidence(
    loaded: LoadedSettings, exporter: Exporter, model: str, exported: ExportedVersion, proved: dict[str, Any]
) -> None:
    """Keep what the exporter proved before the version was published, for ``turnout status``; what is published stays so."""
    verdict = Verdict.MATCH if proved else Verdict.DROPPED
    facts = {"format": exporter.format, "version": exported.version, "sha256": fingerprint(exported.file.parent), **proved}
    try:
        write_evidence(loaded.folder, Evidence(model, "export", str(verdict), facts=facts))
    except OSError as error:
        logger.warning("the evidence for version %d of model %r cannot be kept: %s", exported.version, model, error)


def _asked(kind: Repository, request: ConfigurationRequest) -> Configuration:
    try:
        return kind.configure(request)
    except (TurnoutError, OSError):
        raise
    except Exception as error:
        raise ExportError(f"model {request.model.name!r} cannot be configured for {kind.name!r}: {one_line(error)}") from error


def _write(exporter: Exporter, request: ExportRequest) -> ModelSignature:
    try:
        return exporter.export(request)
    except (TurnoutError, OSError):
        raise
    except Exception as error:
        raise ExportError(
            f"model {request.model.name!r} cannot be exported as {exporter.format!r}: {one_line(error)}"
        ) from error
