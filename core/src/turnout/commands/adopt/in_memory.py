"""Settings of the models of a source, before turnout.yaml has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, SettingsError
from turnout.plugins.discovery import Plugins
from turnout.settings import LoadedSettings, load_settings


def load_entries(
    plugins: Plugins, folder: Path, models: Mapping[str, Any], pipelines: Mapping[str, Sequence[Any]] | None = None
) -> LoadedSettings:
    """Return the settings of ``models`` and ``pipelines`` as if a turnout.yaml in ``folder`` had them and no others.

    Raises:
        ConfigurationError: no command would accept them.
    """
    values = {"models": dict(models), **({"pipelines": dict(pipelines)} if pipelines else {})}
    try:
        return replace(load_settings(values, registry=plugins), folder=folder)
    except SettingsError as error:
        problems = "; ".join(f"{one.where} {one.message}".strip() for one in error.problems[:3])
        raise ConfigurationError(f"turnout.yaml would not accept the model {', '.join(models)}: {problems}") from error
