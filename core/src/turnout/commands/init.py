"""A first turnout.yaml: of model files, of a model repository, or from the example of an installed backend."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, UnknownNameError
from turnout.plugins.declarations import Backend
from turnout.plugins.discovery import Plugins
from turnout.plugins.known import install_commands
from turnout.plugins.repositories import RepositoryModel
from turnout.settings.document.scalars import resolve_plain
from turnout.settings.schema.file import unique_names

_HEAD = """\
# What runs each model. `turnout switch MODEL BACKEND` edits a model's line 'backend:'; `turnout check` checks this file.
# yaml-language-server: $schema=turnout.schema.json    (turnout schema > turnout.schema.json)
"""


def starter_settings(plugins: Plugins, files: Sequence[Path], folder: Path) -> str:
    """Return a turnout.yaml for ``folder``: a model for each file, or an example if there are no files.

    Raises:
        UnknownNameError: no backend is installed.
        ConfigurationError: no installed backend opens one of the files.
    """
    if not plugins.backends():
        raise UnknownNameError(
            f"a turnout.yaml needs a backend, and none is installed; install one: {install_commands('backend')}"
        )
    return _HEAD + (_file_models(plugins, files, folder) if files else _example(plugins))


def _example(plugins: Plugins) -> str:
    """Return the starter of the first backend that has one, else a model with an example for each backend."""
    starters = [backend.starter for backend in plugins.backends() if backend.starter]
    if starters:
        return starters[0]
    backends = sorted(plugins.backends(), key=lambda backend: backend.remote)
    options = [f"      {backend.name}: {backend.example}" for backend in backends]
    return "\n".join([f"backend: {backends[0].name}", "", "models:", "  my_model:", "    backends:", *options, ""])


def _file_models(plugins: Plugins, files: Sequence[Path], folder: Path) -> str:
    backends = [_backend_for(plugins, file) for file in files]
    names = unique_names([_model_name(file) for file in files])
    lines = [f"backend: {backends[0].name}", "", "models:"]
    for name, file, backend in zip(names, files, backends, strict=True):
        lines.append(f"  {name}:")
        if backend.name != backends[0].name:
            lines.append(f"    backend: {backend.name}")
        path = json.dumps(os.path.relpath(file, folder))
        lines += ["    backends:", f"      {backend.name}: {{{backend.file_options[file.suffix.lower()]}: {path}}}"]
    return "\n".join([*lines, ""])


def _backend_for(plugins: Plugins, file: Path) -> Backend[Any]:
    for backend in plugins.backends():
        if file.suffix.lower() in backend.file_options:
            return backend
    suffixes = sorted({suffix for backend in plugins.backends() for suffix in backend.file_options})
    raise ConfigurationError(
        f"no installed backend opens {str(file)!r}; known suffixes: {', '.join(suffixes) or 'none'}. "
        f"'turnout plugins' lists the backends; more: {install_commands('backend')}"
    )


def _model_name(file: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).lstrip("_.-") or "model"


def repository_settings(plugins: Plugins, repository: Path, folder: Path) -> str:
    """Return a turnout.yaml for ``folder`` with the models of an existing model repository.

    A model that Turnout cannot serve becomes a comment with the reason.

    Raises:
        UnknownNameError: no installed plugin reads model repositories.
        ConfigurationError: the repository does not exist, or has no models.
    """
    kinds = plugins.repositories()
    if not kinds:
        raise UnknownNameError(
            f"the models of {str(repository)!r} cannot be read: no installed plugin reads model repositories; "
            f"install one: {install_commands('repository')}"
        )
    models = [line for kind in kinds for model in kind.describe(repository, folder) for line in _model_lines(model)]
    return "\n".join([f"{_HEAD}backend: {kinds[0].backend}", "", "models:", *models, ""])


def _model_lines(model: RepositoryModel) -> Iterator[str]:
    """Yield the lines of a model. Values are written as JSON, which is YAML too."""
    yield from (f"  # {model.name}: {remark.replace('{name}', model.name)}" for remark in model.remarks)
    if not model.settings:
        return
    # YAML reads a plain 1 or null as another type than text: such a name needs quotes.
    yield f"  {model.name if resolve_plain(model.name) == model.name else json.dumps(model.name)}:"
    for key, value in model.settings.items():
        if key != "backends":
            yield f"    {key}: {json.dumps(value)}"
            continue
        yield "    backends:"
        yield from (f"      {backend}: {json.dumps(options)}" for backend, options in value.items())
