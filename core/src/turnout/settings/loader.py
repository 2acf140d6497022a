"""Loads settings: from a file or a mapping to frozen objects, with every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import BaseModel

from turnout.errors import unknown_name
from turnout.settings.document.document import Document
from turnout.settings.document.source import document_of_file, document_of_mapping
from turnout.settings.environment import substitute, warn_of_unknown
from turnout.settings.options_check import OptionsCheck
from turnout.settings.problems.report import Report
from turnout.settings.problems.validate import validated
from turnout.settings.registry import Registry
from turnout.settings.schema.file import Settings


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings that can work, as far as can be told without opening a model. Its repr shows no value.

    Attributes:
        settings: what the file says.
        folder: the folder of the file, absolute; the current one for a mapping. Relative paths in options start here.
        source: the file as the user named it; empty for a mapping.
        backend_options: the options of (model, backend), for each backend that a working plugin brings.
        step_options: the options of (pipeline, unique step name).
        written_options: for each model, the options of each of its backends as written, variables filled in.
    """

    settings: Settings = field(repr=False)
    folder: Path
    source: str
    backend_options: Mapping[tuple[str, str], BaseModel] = field(repr=False)
    step_options: Mapping[tuple[str, str], BaseModel] = field(repr=False)
    written_options: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(repr=False)
    _document: Document = field(repr=False)

    def check_model(self, model: str) -> None:
        """Return if the file has ``model``.

        Raises:
            UnknownNameError: it has not.
        """
        if model not in self.settings.models:
            raise unknown_name("model", model, self.settings.models, f"In {self.source}." if self.source else "")

    def where(self, *path: str | int) -> str:
        """Return ``turnout.yaml:14`` for a path such as ``"models", "birefnet"``; empty if the settings are a mapping."""
        mark = self._document.mark_of_key(path)
        return f"{self.source}:{mark.line}" if mark.line else ""


def load_settings(
    source: Path | str | Mapping[str, Any], *, registry: Registry, environment: Mapping[str, str] | None = None
) -> LoadedSettings:
    """Return the settings of a file, or of a mapping of the same shape.

    Args:
        source: the file, or the mapping, which is copied.
        registry: knows the options of backends and steps.
        environment: what ``${NAME}`` stands for; by default this process's.

    Raises:
        SettingsError: everything that is wrong, each with file, line, column and caret.
        ConfigurationError: the file cannot be read.
    """
    document, folder = _open(source)
    environment = os.environ if environment is None else environment
    substituted = substitute(document.values, environment)
    report = Report(document, substituted.secrets)
    for path, message in substituted.problems:
        report.at_value(path, message)
    settings = validated(Settings, substituted.values, (), report)
    check = OptionsCheck(substituted.values, document, registry, report)
    check.run()
    report.stop()
    warn_of_unknown(environment, substituted.names)
    return _loaded(cast("Settings", settings), check, document, folder)


def _loaded(settings: Settings, check: OptionsCheck, document: Document, folder: Path) -> LoadedSettings:
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
