"""turnout.yaml: read, checked and turned into frozen settings."""

from __future__ import annotations

from turnout.settings.loader import LoadedSettings, load_settings
from turnout.settings.registry import Registry
from turnout.settings.schema import MetricsSettings, ModelSettings, Settings, StepSettings

__all__ = [
    "LoadedSettings",
    "MetricsSettings",
    "ModelSettings",
    "Registry",
    "Settings",
    "StepSettings",
    "load_settings",
]
