"""The options of one model, for the command of a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout.errors import unknown_name
from turnout.plugins.declarations import ModelDeclaration
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings


def model_options(file: Path, model: str, backend: str) -> tuple[ModelDeclaration, Any]:
    """Return the declaration of ``model`` in the settings ``file``, and its options on ``backend``. Opens nothing.

    Raises:
        SettingsError: every problem of the file.
        UnknownNameError: the file has no such model, or the model no such backend.
    """
    view = load_settings(file, registry=find_plugins()).model(model)
    if backend not in view.options:
        raise unknown_name("backend", backend, view.options, f"for model {model!r}. {view.where}")
    return view.declaration, view.options[backend]
