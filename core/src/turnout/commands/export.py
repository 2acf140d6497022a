"""Export of a model: a plugin writes the file, and Turnout publishes it as a new version with its configuration."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from turnout.commands.exporter_run import Prove, prove_nothing_more, run_exporter
from turnout.commands.instances import server_notes
from turnout.commands.repository_folder import model_folder
from turnout.commands.served_format import check_format
from turnout.errors import ExportError, TurnoutError, UnknownNameError, one_line
from turnout.files.fingerprint import fingerprint
from turnout.files.made_here import CODE_SUFFIXES, MADE_HERE
from turnout.inference import ModelSignature
from turnout.parity import Verdict
from turnout.plugins.declarations import Exporter, ExportRequest
from turnout.plugins.discovery import Plugins
from turnout.plugins.known import install_command, install_commands, install_hint
from turnout.plugins.repositories import Configuration, ConfigurationRequest, Repository
from turnout.repository.evidence import Evidence, write_evidence
from turnout.repository.publishing import ExportedVersion, publish, publish_configuration
from turnout.repository.versions import latest_version
from turnout.settings import LoadedModel, LoadedSettings

logger = logging.getLogger(__name__)


def export_model(
    loaded: LoadedSettings,
    plugins: Plugins,
    model: str,
    format: str | None = None,
    repository: Path | None = None,
    version: int | None = None,
    *,
    overwrite: bool = False,
    prove: Prove = prove_nothing_more,
) -> ExportedVersion:
    """Write ``model`` in ``format`` as a new version, with its configuration; blocks, for up to minutes.

    The defaults are the preferred format, the repository that the settings name, and the next version. ``overwrite`` also
    replaces a configuration that a user wrote by hand. ``prove`` gets the file before it is published, and returns more facts
    about it; nothing is published if it raises.

    Raises:
        UnknownNameError: there is no such model or format, or the model has no options for the exporter's backend.
        ExportError: the model cannot be written, or cannot be served.
    """
    view = loaded.model(model)
    exporter = _choose_exporter(plugins, view, format)
    options = view.options[exporter.backend]
    folder = model_folder(loaded, plugins, model, repository)
    check_format(plugins, view, folder, exporter)

    def configure(number: int, signature: ModelSignature) -> Configuration:
        published = {"version": number, "file": exporter.filename, "signature": signature, "overwrite": overwrite}
        return _configuration(plugins, view, folder, published)

    declared = view.declaration.signature
    if declared.inputs and declared.outputs:
        # An exporter may take minutes: refuse what cannot be served before it starts.
        configure(version or (latest_version(folder) or 0) + 1, declared)
    proved: dict[str, Any] = {}
    digests: list[str] = []

    def write(file: Path) -> ModelSignature:
        signature = run_exporter(exporter, ExportRequest(view.declaration, options, file, proved.update), proved)
        proved.update(prove(exporter, file))
        # Of the stage, which is this process's own; the published folder may belong to others too.
        if file.suffix in CODE_SUFFIXES:
            digests.extend((fingerprint(file), fingerprint(file.parent)))
            proved["code_sha256"] = digests[0]
        return signature

    exported = publish(folder, exporter.filename, write, configure, version)
    _vouch(model, exported, digests)
    _save_evidence(loaded, exporter, model, exported, proved)
    return exported


def export_configuration(
    loaded: LoadedSettings, plugins: Plugins, model: str, repository: Path | None = None, *, overwrite: bool = False
) -> tuple[Path, Configuration]:
    """Write the configuration of ``model`` next to the versions in its folder; return the folder and the configuration.

    Raises:
        UnknownNameError: there is no such model, or no plugin that writes configurations.
        ExportError: the model cannot be served with these settings.
    """
    view = loaded.model(model)
    if not plugins.repositories():
        raise UnknownNameError(
            f"model {model!r} gets no configuration: no installed plugin writes one; "
            f"install one: {install_commands('repository')}"
        )
    folder = model_folder(loaded, plugins, model, repository)

    def configure() -> Configuration:
        return _configuration(plugins, view, folder, {"overwrite": overwrite})

    return folder, publish_configuration(folder, configure)


def usable_exporters(plugins: Plugins, model: LoadedModel) -> list[Exporter]:
    """Return the exporters that accept the model: the preferred first, then those of the serving backend, then by format."""
    usable = [
        exporter
        for exporter in plugins.exporters()
        if exporter.backend in model.options and exporter.accepts(model.declaration, model.options[exporter.backend])
    ]
    return sorted(usable, key=lambda exporter: (not exporter.preferred, exporter.backend != model.backend, exporter.format))


def _choose_exporter(plugins: Plugins, model: LoadedModel, format: str | None) -> Exporter:
    """Return the exporter for ``format``, or the only or preferred one.

    Raises:
        UnknownNameError: there is no such format, none for this model, or several.
    """
    usable = [one for one in usable_exporters(plugins, model) if format in (None, one.format)]
    if usable and (format or usable[0].preferred or len(usable) == 1):
        return usable[0]
    if usable:
        formats = ", ".join(exporter.format for exporter in usable)
        raise UnknownNameError(
            f"model {model.name!r} can be exported in several formats; name one with --format: {formats}",
            next_step=f"turnout export {model.name} --format {usable[0].format}",
        )
    known = plugins.exporters_of(format) if format else plugins.exporters()
    # It does not accept the model, and its error says why.
    refusing = [exporter for exporter in known if exporter.backend in model.options]
    if refusing:
        if source := next(_absent_sources(model), None):
            raise UnknownNameError(
                f"model {model.name!r} cannot be exported from {source!r}, whose plugin is not installed."
                f"{install_hint('backend', source)}",
                next_step=install_command("backend", source),
            )
        return refusing[0]
    raise _no_source(plugins, model, format, sorted({exporter.backend for exporter in known}))


def _absent_sources(model: LoadedModel) -> Iterator[str]:
    """Yield the backends of turnout.yaml that are not installed and run the model in this process."""
    for name in model.settings.backends:
        if name not in model.options and install_command("backend", name) and not install_command("server", name):
            yield name


def _no_source(plugins: Plugins, model: LoadedModel, format: str | None, sources: list[str]) -> UnknownNameError:
    has = f"{model.where or 'the model'} has: {', '.join(model.settings.backends)}"
    examples = [f"'{backend.name}: {backend.example}'" for backend in plugins.backends() if backend.name in sources]
    if format:
        keys = " or ".join(f"models.{model.name}.backends.{source}" for source in sources)
        return UnknownNameError(
            f"exporting {model.name!r} as {format!r} needs {keys}, which says where the model comes from; {has}",
            next_step=f"add the options of {' or '.join(sources)} to model {model.name!r}, or name another --format",
        )
    absent = [install_command("backend", name) for name in _absent_sources(model)]
    add = f"add the options of {' or '.join(sources)} to model {model.name!r}" if sources else install_commands("export format")
    return UnknownNameError(
        f"model {model.name!r} cannot be exported: it needs options of a backend with an exporter"
        f"{f', such as {examples[-1]}' if examples else ''}, here: {', '.join(sources) or 'none'}; {has}. "
        f"More exporters: {install_commands('export format')}",
        next_step=next(filter(None, absent), add),
    )


def _configuration(plugins: Plugins, model: LoadedModel, folder: Path, more: dict[str, Any]) -> Configuration:
    """Return the configuration of one model, merged from all kinds of repositories."""
    parts = [
        _configure(kind, ConfigurationRequest(model.declaration, model.options.get(kind.backend), folder, **more))
        for kind in plugins.repositories()
    ]
    notes = [note for kind in plugins.repositories() for note in server_notes(plugins, model, kind.backend)]
    return Configuration(
        {name: content for part in parts for name, content in part.files.items()},
        {name: digest for part in parts for name, digest in part.obsolete.items()},
        (*(note for part in parts for note in part.notes), *notes),
    )


def _save_evidence(
    loaded: LoadedSettings, exporter: Exporter, model: str, exported: ExportedVersion, proved: dict[str, Any]
) -> None:
    """Save what the exporter proved, for ``turnout status``; a failure to save does not undo the published version."""
    facts = {
        "format": exporter.format,
        "backend": exporter.backend,
        "version": exported.version,
        "sha256": fingerprint(exported.file.parent),
        **proved,
    }
    try:
        write_evidence(loaded.folder, Evidence(model, "export", str(Verdict.MATCH), facts=facts))
    except OSError as error:
        logger.warning("model %r version %d: the evidence of the export cannot be saved: %s", model, exported.version, error)


def _vouch(model: str, exported: ExportedVersion, digests: Sequence[str]) -> None:
    """Record that a file of code was made here, so that it opens without ``trust``; a failure does not undo the version."""
    try:
        for digest in digests:
            MADE_HERE.add(digest)
    except OSError as error:
        logger.warning(
            "model %r version %d is code, and that it was made here cannot be recorded: %s; to open it in this process, write "
            'in turnout.yaml: sha256: "%s"; to serve it here: --trust=%s',
            model,
            exported.version,
            error,
            digests[0],
            exported.file.parents[1].name,
        )


def _configure(kind: Repository, request: ConfigurationRequest) -> Configuration:
    try:
        return kind.configure(request)
    except (TurnoutError, OSError):
        raise
    except Exception as error:
        raise ExportError(f"model {request.model.name!r} cannot be configured for {kind.name!r}: {one_line(error)}") from error
