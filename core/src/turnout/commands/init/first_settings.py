"""The turnout.yaml of a model that has none yet: written at the first start of a command, used from then on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from turnout.commands.init.draft import Draft, load_draft, place_draft
from turnout.commands.init.model_files import file_settings
from turnout.commands.init.repository_models import repository_settings
from turnout.errors import ConfigurationError
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.plugins.known import install_command, install_commands
from turnout.settings.document.source import document_of_file

_KEYS = {"preload": True}
_CHECKPOINT = "config.json"


def ensure_settings(source: Path, config: Path) -> Draft | None:
    """Write ``config`` with the model of ``source`` and return what was written; None if it is there and has that model.

    ``source`` is a model file, a checkpoint folder or a model repository. The model opens when an app does.

    Raises:
        ConfigurationError: nothing opens ``source``, or ``config`` is there and has other models.
        OSError: ``config`` cannot be written.
    """
    plugins = find_plugins()
    if not source.exists():
        raise ConfigurationError(f"there is no {str(source)!r}; name a model file, a checkpoint folder or a turnout.yaml")
    draft = _draft(plugins, source, config.parent)
    if not draft.text:
        raise ConfigurationError(f"no model of {str(source)!r} can be used: {'; '.join(draft.notes[:3])}")
    if config.exists():
        _check_model(draft, source, config)
        return None
    place_draft(draft, config, plugins)
    return draft


def _draft(plugins: Plugins, source: Path, folder: Path) -> Draft:
    if not source.is_dir():
        return file_settings(plugins, [source], folder, _KEYS)
    if any(backend.checkpoint_options(source, source.name) is not None for backend in plugins.backends()):
        return file_settings(plugins, [source], folder, _KEYS)
    if (source / _CHECKPOINT).is_file():
        raise ConfigurationError(
            f"{str(source)!r} has a {_CHECKPOINT}: a checkpoint, and no installed backend opens one",
            next_step=install_command("checkpoint", _CHECKPOINT),
        )
    if not plugins.repositories():
        raise ConfigurationError(
            f"{str(source)!r} is no checkpoint, which has a {_CHECKPOINT}, and no installed plugin reads model repositories; "
            f"install one: {install_commands('repository')}"
        )
    try:
        return _in_this_process(repository_settings(plugins, source, folder), plugins)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{str(source)!r} is no folder of models: a checkpoint has a {_CHECKPOINT}, a repository a folder for each model"
        ) from error


def _in_this_process(draft: Draft, plugins: Plugins) -> Draft:
    """Return ``draft`` with its models on a backend that needs no server, if one opens them all."""
    models = draft.values["models"].values() if draft.text else ()
    local = [backend.name for backend in plugins.backends() if not backend.remote]
    name = next((name for name in local if models and all(name in model["backends"] for model in models)), None)
    if name is None:
        return draft
    text = re.sub(r"(?m)^backend: .*$", f"backend: {name}", draft.text, count=1)
    return Draft(text, draft.notes, load_draft(text, plugins))


def _check_model(draft: Draft, source: Path, config: Path) -> None:
    """Raise ConfigurationError unless the file ``config`` has the models of ``draft``, whatever else it says about them."""
    written = document_of_file(config).values
    models = written.get("models") if isinstance(written, Mapping) else None
    there = [model.get("backends") for model in _values(models) if isinstance(model, Mapping)]
    for name, model in draft.values["models"].items():
        if not any(_has(backends, model["backends"]) for backends in there):
            another = f"turnout serve {shlex.quote(str(source))} --config {shlex.quote(name)}.yaml"
            reason = f"{str(config)!r} is there already and has no model of {str(source)!r}"
            raise ConfigurationError(f"{reason}; add it there, or write another file: {another}", next_step=another)


def _values(models: Any) -> list[Any]:
    return list(models.values()) if isinstance(models, Mapping) else []


def _has(backends: Any, wanted: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether ``backends`` of a model have all options that are ``wanted``."""
    if not isinstance(backends, Mapping):
        return False
    pairs = [(backends.get(name), options) for name, options in wanted.items()]
    return all(isinstance(found, Mapping) and options.items() <= found.items() for found, options in pairs)
