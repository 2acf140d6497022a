"""The loader: reads a file or a mapping into frozen settings and reports every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from turnout.settings.aliases import duplicates, rename_backends, rename_document
from turnout.settings.document.document import Document
from turnout.settings.document.source import document_of_file, document_of_mapping
from turnout.settings.environment import log_unknown_variables, substitute
from turnout.settings.hidden import hide_secrets, hide_variables
from turnout.settings.loaded import LoadedSettings
from turnout.settings.options_check import OptionsCheck
from turnout.settings.problems.report import Report
from turnout.settings.problems.validate import validate
from turnout.settings.registry import Registry
from turnout.settings.schema.file import Settings


def load_settings(
    source: Path | str | Mapping[str, Any], *, registry: Registry, environment: Mapping[str, str] | None = None
) -> LoadedSettings:
    """Return the settings of a file, or of a mapping of the same shape.

    Args:
        source: the file, or the mapping, which is copied.
        registry: the options of backends and steps.
        environment: the values of ``${NAME}``; by default the environment of this process.

    Raises:
        SettingsError: the settings are wrong; it has every problem, each with file, line, column and caret.
        ConfigurationError: the file cannot be read.
    """

    def own_name(name: str) -> str:
        return registry.backend_name(name)

    written, folder = _open(source)
    document = rename_document(written, own_name)
    environment = os.environ if environment is None else environment
    substituted = substitute(document.values, environment)
    # Before the first message, which may contain one.
    hide_variables(document, substituted.values, environment)
    report = Report(document, substituted.secrets)
    for path, message in substituted.problems:
        report.add_at_value(path, message)
    for path, message in duplicates(written, own_name):
        report.add_at_key(path, message)
    # Again: a variable may hold such a name.
    values = rename_backends(substituted.values, own_name)
    settings = validate(Settings, values, (), report)
    check = OptionsCheck(values, document, registry, report)
    check.run()
    hide_secrets([*check.backend_options.values(), *check.step_options.values()])
    report.raise_problems()
    log_unknown_variables(environment, substituted.names, registry)
    return _build(cast("Settings", settings), check, document, folder)


def _build(settings: Settings, check: OptionsCheck, document: Document, folder: Path) -> LoadedSettings:
    return LoadedSettings(
        settings,
        folder,
        document.source,
        MappingProxyType(check.backend_options),
        MappingProxyType(check.step_options),
        MappingProxyType({name: model.backends for name, model in settings.models.items()}),
        document,
    )


def _open(source: Path | str | Mapping[str, Any]) -> tuple[Document, Path]:
    if isinstance(source, Mapping):
        return document_of_mapping(source), Path.cwd()
    file = Path(source)
    return document_of_file(file), file.absolute().parent
