"""A first turnout.yaml with a model for each of some files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from turnout.commands.init.draft import HEAD, Draft, checked_draft
from turnout.commands.init.model_names import model_names, wanted_name
from turnout.commands.init.yaml_text import yaml_value
from turnout.errors import ConfigurationError, SettingsError, count_of
from turnout.plugins.declarations import Backend
from turnout.plugins.discovery import Plugins
from turnout.plugins.known import install_commands
from turnout.settings.edit.line_edit import text_scalar


def file_settings(plugins: Plugins, files: Sequence[Path], folder: Path, more: Mapping[str, Any] | None = None) -> Draft:
    """Return a turnout.yaml for ``folder`` with a model for each file or checkpoint folder; each has the keys ``more`` too.

    Raises:
        ConfigurationError: no installed backend opens one of the files, one is empty, or turnout.yaml cannot name it.
    """
    opened = [_opened(plugins, file, folder) for file in files]
    names = model_names([wanted_name(file, folder) for file in files])
    first = opened[0][0]
    models: dict[str, Any] = {}
    lines = [f"backend: {first}", "", "models:"]
    for name, (backend, options) in zip(names, opened, strict=True):
        keys = ({} if backend == first else {"backend": backend}) | dict(more or {})
        models[name] = keys | {"backends": {backend: dict(options)}}
        written = ", ".join(f"{option}: {yaml_value(value)}" for option, value in options.items())
        lines.append(f"  {text_scalar(name)}:")
        lines += [f"    {key}: {yaml_value(value) if key != 'backend' else value}" for key, value in keys.items()]
        lines += ["    backends:", f"      {backend}: {{{written}}}"]
    try:
        return checked_draft(HEAD + "\n".join([*lines, ""]), models, plugins)
    except SettingsError as error:
        raise ConfigurationError(
            f"the {count_of(len(files), 'file')} do not fit into one turnout.yaml: {error.problems[0].message}; nothing was "
            "written"
        ) from error


def _opened(plugins: Plugins, file: Path, folder: Path) -> tuple[str, Mapping[str, Any]]:
    """Return the backend that opens ``file``, and its options for it."""
    path = _relative_path(file, folder)
    if file.is_dir():
        for backend in plugins.backends():
            if (options := backend.checkpoint_options(file, path)) is not None:
                return backend.name, options
    backend = _backend_for(plugins, file)
    return backend.name, {backend.file_options[file.suffix.lower()]: path}


def _relative_path(file: Path, folder: Path) -> str:
    whole, start = file.absolute(), folder.absolute()
    # Where a path leaves the folder, '..' starts at the place that a link leads to.
    relative = os.path.relpath(whole, start if whole.is_relative_to(start) else folder.resolve())
    return relative.replace("$", "$$")  # a dollar sign begins a variable


def _backend_for(plugins: Plugins, file: Path) -> Backend[Any]:
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{str(file)!r} has a name that is no text in UTF-8; rename it") from error
    for backend in plugins.backends():
        if file.suffix.lower() in backend.file_options:
            if file.is_file() and not file.stat().st_size:
                raise ConfigurationError(f"{str(file)!r} is empty; write the model there again")
            return backend
    suffixes = sorted({suffix for backend in plugins.backends() for suffix in backend.file_options})
    if file.is_dir():
        command = f"turnout init --from-repository {shlex.quote(str(file))}"
        raise ConfigurationError(f"{str(file)!r} is a folder; for the models of a model repository: {command}")
    if not suffixes:
        raise ConfigurationError(
            f"no installed backend opens {str(file)!r}, nor any other model file; install one: {install_commands('backend')}"
        )
    raise ConfigurationError(
        f"{str(file)!r} is no model: the installed backends open files with the suffix {' or '.join(suffixes)}; for another "
        "kind write turnout.yaml yourself: turnout init"
    )
