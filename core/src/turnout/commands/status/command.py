"""The status of the models of a turnout.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from turnout.commands.requests import recording_folder
from turnout.commands.status.facts import ModelFacts, ServerState
from turnout.commands.status.next_step import NextStep, next_step
from turnout.commands.status.proofs import folder_of, newest_version, proof_of, shown
from turnout.commands.status.servers import server_states
from turnout.commands.status.shadow_state import shadow_state
from turnout.commands.status.stages import Stage, stage_of
from turnout.plugins.declarations import Exporter
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.repository.evidence import read_evidence
from turnout.settings import LoadedSettings, ModelSettings, load_settings


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """How far a model has come, why that is known, and what is next."""

    facts: ModelFacts
    stage: Stage
    next: NextStep

    @property
    def deserted(self) -> bool:
        """Whether the server that serves the model cannot be reached, and nothing answers in its place."""
        return self.facts.backend in self.facts.unreached and not self.facts.caught

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        facts = asdict(self.facts) | {"sources": sorted(self.facts.sources), "remote": sorted(self.facts.remote)}
        stage = {"stage": int(self.stage), "stage_name": self.stage.name.lower()}
        return {"model": self.facts.model} | stage | {"next": asdict(self.next)} | facts


def status_of_file(file: Path, model: str | None = None) -> list[ModelStatus]:
    """Return the status of ``model``, or of every model, of a turnout.yaml. Opens none; blocks for seconds at most.

    Evidence that is missing or cannot be read proves nothing, and is no error.

    Raises:
        SettingsError: the file is wrong.
        UnknownNameError: the file has no such model.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    if model is not None:
        loaded.check_model(model)
    models = list(loaded.settings.models) if model is None else [model]
    servers = server_states(loaded, plugins, models)
    return [_status(loaded, plugins, name, servers[name]) for name in models]


def _status(loaded: LoadedSettings, plugins: Plugins, model: str, servers: tuple[ServerState, ...]) -> ModelStatus:
    facts = _facts(loaded, plugins, model, servers)
    return ModelStatus(facts, stage_of(facts), next_step(facts))


def _facts(loaded: LoadedSettings, plugins: Plugins, model: str, servers: tuple[ServerState, ...]) -> ModelFacts:
    folder = folder_of(loaded, plugins, model)
    export, verify = (read_evidence(loaded.folder, model, topic) for topic in ("export", "verify"))
    version = newest_version(folder, loaded.folder, (export, verify))
    return ModelFacts(
        model,
        loaded.settings.backend_of(model),
        **_named(loaded.settings.models[model], loaded.settings.backend_of(model)),
        **_brought(plugins, loaded.settings.models[model], loaded.settings.backend_of(model)),
        folder=shown(folder, loaded.folder) if folder else "",
        recorded=_recorded(loaded, model),
        version=version,
        export=proof_of(export, version),
        verify=proof_of(verify, version),
        shadow=shadow_state(loaded, model, version),
        servers=servers,
    )


def _named(settings: ModelSettings, backend: str) -> dict[str, Any]:
    """Return what the settings name beside the backend that serves; what is the same takes no part."""
    canary, shadow = settings.canary, settings.shadow
    takes_part = canary is not None and canary.backend != backend and canary.weight > 0
    return {
        "backends": tuple(settings.backends),
        "fallback": settings.fallback,
        "canary": canary.backend if canary is not None and takes_part else None,
        "weight": canary.weight if canary is not None and takes_part else 0.0,
        "shadowed": shadow.backend if shadow is not None and shadow.backend != backend else None,
        "tuning": tuple(_tuning(settings, settings.backends.get(backend, {}))),
    }


def _tuning(settings: ModelSettings, options: Mapping[str, Any]) -> list[str]:
    written = options.get("model_config")
    instances = isinstance(written, Mapping) and "instance_group" in written
    return ["dynamic_batching"] * (settings.dynamic_batching is not None) + ["instance_group"] * instances


def _brought(plugins: Plugins, settings: ModelSettings, backend: str) -> dict[str, Any]:
    """Return what the plugins that are here can do for the model's backends; formats of the serving one come first."""
    here = [name for name in settings.backends if plugins.backend_options(name) is not None]
    exporters: list[Exporter] = [declared.declaration for declared in plugins.declared("turnout_exporters").values()]
    able = sorted((exporter.backend != backend, exporter.format) for exporter in exporters if exporter.backend in here)
    remote = frozenset(name for name in here if plugins.backend(name).remote)
    return {
        "sources": frozenset(exporter.backend for exporter in exporters),
        "remote": remote,
        "serve_commands": {name: f"turnout {name} serve" for name in sorted(remote & plugins.commands().keys())},
        "formats": tuple(format for _, format in able),
    }


def _recorded(loaded: LoadedSettings, model: str) -> int:
    try:
        return len(list(recording_folder(loaded, model).glob("*.npz")))
    except OSError:
        return 0
