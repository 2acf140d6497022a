"""The models that a command works on if it is given none."""

from __future__ import annotations

from pathlib import Path

from turnout.errors import ConfigurationError
from turnout.plugins.discovery import find_plugins
from turnout.settings import load_settings


def models_of_file(file: Path) -> list[str]:
    """Return the names of the models of a turnout.yaml.

    Raises:
        SettingsError: the file is wrong.
        ConfigurationError: it has no model.
    """
    models = list(load_settings(file, registry=find_plugins()).models)
    if not models:
        raise ConfigurationError(f"{str(file)!r} has no model", next_step=f"add a model to {file}")
    return models
