"""The command that starts a server for a model's repository."""

from __future__ import annotations

import shlex
from pathlib import Path

from turnout.commands.paths import display_path
from turnout.errors import TurnoutError
from turnout.plugins.discovery import Plugins
from turnout.repository.evidence import DEFAULT_REPOSITORY
from turnout.settings import LoadedModel


def server_command(plugins: Plugins, model: LoadedModel, backend: str) -> str:
    """Return the command that starts the server of ``backend`` with the repository of ``model``; empty if there is none."""
    declared = plugins.backend(backend)
    repository = _repository(plugins, model, backend)
    # A server whose repository is not here is started elsewhere.
    if not declared.repository_option or repository is None or not repository.is_dir():
        return declared.server_command
    shown = display_path(repository, Path.cwd())
    option = "" if shown == DEFAULT_REPOSITORY else f" {declared.repository_option} {shlex.quote(shown)}"
    return declared.server_command + option


def _repository(plugins: Plugins, model: LoadedModel, backend: str) -> Path | None:
    for kind in plugins.repositories():
        if kind.backend == backend and (options := model.options.get(backend)) is not None:
            try:
                return Path(kind.locate(model.declaration, options)).parent
            except TurnoutError:
                return None
    return None
