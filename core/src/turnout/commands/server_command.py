"""The next step after a backend could not be used, and the command that starts a server for a model's repository."""

from __future__ import annotations

from pathlib import Path

from turnout.commands.paths import display_path
from turnout.errors import BackendUnavailableError, TurnoutError
from turnout.plugins.discovery import Plugins
from turnout.repository.evidence import DEFAULT_REPOSITORY
from turnout.settings import LoadedModel


def step_after(error: TurnoutError, plugins: Plugins, model: LoadedModel, backend: str) -> str:
    """Return what helps after ``error`` of ``backend``: its own next step, or to start the server; empty if none is known."""
    if error.next_step is None and isinstance(error, BackendUnavailableError):
        return server_command(plugins, model, backend)
    return error.next_step or ""


def server_command(plugins: Plugins, model: LoadedModel, backend: str) -> str:
    """Return the command that starts the server of ``backend`` with the repository of ``model``; empty if there is none."""
    options = model.options.get(backend)
    if options is None:
        return ""
    repository = _repository(plugins, model, backend)
    shown = display_path(repository, Path.cwd()) if repository is not None and repository.is_dir() else ""
    return plugins.backend(backend).server_command(options, "" if shown == DEFAULT_REPOSITORY else shown)


def _repository(plugins: Plugins, model: LoadedModel, backend: str) -> Path | None:
    for kind in plugins.repositories():
        if kind.backend == backend and (options := model.options.get(backend)) is not None:
            try:
                return Path(kind.locate(model.declaration, options)).parent
            except TurnoutError:
                return None
    return None
