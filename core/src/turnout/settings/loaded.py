"""Loaded settings: the settings of a file together with the validated options of its plugins, and one view of each model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from turnout.errors import unknown_name
from turnout.plugins.declarations import ModelDeclaration
from turnout.settings.document.document import Document, path_text
from turnout.settings.schema.file import ModelSettings, Settings
from turnout.settings.variables import Variable, credentials_of, secret_paths, variables_of


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """One model of loaded settings. Immutable, so thread-safe; its repr shows no option.

    Attributes:
        name: the model's name.
        settings: the keys of the model in the file.
        backend: the name of the backend that serves the model.
        declaration: the model's tensors and batching, as plugins receive them.
        options: the validated options by backend, of each backend that a working plugin provides.
        where: the place of the model, such as ``turnout.yaml:14``; empty if the settings are a mapping.
    """

    name: str
    settings: ModelSettings = field(repr=False)
    backend: str
    declaration: ModelDeclaration = field(repr=False)
    options: Mapping[str, BaseModel] = field(repr=False)
    where: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Valid settings; no model was opened to check them. Immutable, so thread-safe; the repr shows no value.

    Attributes:
        settings: the keys of the file.
        folder: the absolute folder of the file; the current folder for a mapping. Relative paths in options start here.
        source: the file as the user named it; empty for a mapping.
        backend_options: the options by (model, backend), for each backend that a working plugin provides.
        step_options: the options by (pipeline, unique step name).
        written_options: for each model, the options of each of its backends as written, with variables substituted.
        models: the view of each model, by name.
    """

    settings: Settings = field(repr=False)
    folder: Path
    source: str
    backend_options: Mapping[tuple[str, str], BaseModel] = field(repr=False)
    step_options: Mapping[tuple[str, str], BaseModel] = field(repr=False)
    written_options: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(repr=False)
    _document: Document = field(repr=False)
    models: Mapping[str, LoadedModel] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Built here, not in load_settings: dataclasses.replace with other settings must not keep the views of the old ones.
        models = {name: self._build_model(name, settings) for name, settings in self.settings.models.items()}
        object.__setattr__(self, "models", MappingProxyType(models))

    def model(self, name: str) -> LoadedModel:
        """Return the view of the model ``name``.

        Raises:
            UnknownNameError: the settings have no such model.
        """
        if name not in self.models:
            raise unknown_name("model", name, self.models, f"In {self.source}." if self.source else "")
        return self.models[name]

    def with_version(self, model: str, version: str) -> LoadedSettings:
        """Return these settings as if the file chose ``version`` for ``model``. Raises as ``model``."""
        chosen = self.model(model).settings.model_copy(update={"version": version})
        models = {**self.settings.models, model: chosen}
        return replace(self, settings=self.settings.model_copy(update={"models": models}))

    def where(self, *path: str | int) -> str:
        """Return ``turnout.yaml:14`` for a path such as ``"models", "birefnet"``; empty if the settings are a mapping."""
        mark = self._document.mark_of_key(path)
        return f"{self.source}:{mark.line}" if mark.line else ""

    @property
    def text(self) -> str:
        """The text of the file, as it was read; empty if the settings are a mapping."""
        return self._document.text

    def variables(self) -> tuple[Variable, ...]:
        """Return the variables of the environment that the settings name, by name."""
        return variables_of(self._document, secret_paths(self.backend_options))

    def credentials(self) -> tuple[str, ...]:
        """Return the place, such as ``turnout.yaml:14``, of each credential that the settings have as it is."""
        found = credentials_of(self._document, secret_paths(self.backend_options))
        return tuple(dict.fromkeys(self.where(*path) or path_text(path) for path in found))

    def _build_model(self, name: str, settings: ModelSettings) -> LoadedModel:
        return LoadedModel(
            name,
            settings,
            self.settings.backend_of(name),
            settings.declaration(name, self.folder),
            MappingProxyType({backend: options for (model, backend), options in self.backend_options.items() if model == name}),
            self.where("models", name),
        )
