"""The folder of a model in its model repository."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from turnout.errors import TurnoutError
from turnout.plugins.discovery import Plugins
from turnout.repository.evidence import DEFAULT_REPOSITORY
from turnout.settings import LoadedSettings


def model_folder(loaded: LoadedSettings, plugins: Plugins, model: str, repository: Path | None = None) -> Path:
    """Return the folder of ``model`` in ``repository``; by default where the options of a repository's backend locate it."""
    view = loaded.model(model)
    located = loaded.folder / DEFAULT_REPOSITORY / model
    for kind in plugins.repositories():
        options = view.options.get(kind.backend)
        if options is not None:
            located = kind.locate(view.declaration, options)
    return repository / located.name if repository is not None else located


def find_model_folder(loaded: LoadedSettings, plugins: Plugins, model: str) -> Path | None:
    """Return the folder of ``model``; None if the settings give it a name that a repository cannot have."""
    with suppress(TurnoutError):
        return model_folder(loaded, plugins, model)
    return None
