"""turnout.yaml as frozen, validated settings. Its public names are imported at their first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.lazy_names import import_lazily

if TYPE_CHECKING:
    from turnout.settings.edit.backend import BackendSwitch, switch_backend
    from turnout.settings.editor_schema import json_schema
    from turnout.settings.loaded import LoadedModel, LoadedSettings
    from turnout.settings.loader import load_settings
    from turnout.settings.registry import Registry
    from turnout.settings.schema.file import ModelSettings, Settings, StepSettings
    from turnout.settings.schema.metrics import MetricsSettings

_MODULES = {
    "BackendSwitch": "turnout.settings.edit.backend",
    "LoadedModel": "turnout.settings.loaded",
    "LoadedSettings": "turnout.settings.loaded",
    "MetricsSettings": "turnout.settings.schema.metrics",
    "ModelSettings": "turnout.settings.schema.file",
    "Registry": "turnout.settings.registry",
    "Settings": "turnout.settings.schema.file",
    "StepSettings": "turnout.settings.schema.file",
    "json_schema": "turnout.settings.editor_schema",
    "load_settings": "turnout.settings.loader",
    "switch_backend": "turnout.settings.edit.backend",
}

__all__ = [
    "BackendSwitch",
    "LoadedModel",
    "LoadedSettings",
    "MetricsSettings",
    "ModelSettings",
    "Registry",
    "Settings",
    "StepSettings",
    "json_schema",
    "load_settings",
    "switch_backend",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'turnout.settings' has no attribute {name!r}")
    return import_lazily(_MODULES[name], name)


def __dir__() -> list[str]:
    return __all__
