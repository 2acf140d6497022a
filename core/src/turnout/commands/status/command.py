"""The status of the models in a turnout.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from turnout.commands.arm_proofs import Standing
from turnout.commands.export import usable_exporters
from turnout.commands.paths import display_path
from turnout.commands.repository_folder import find_model_folder
from turnout.commands.requests import recording_folder
from turnout.commands.server_command import server_command
from turnout.commands.status.arm_standing import arm_standing
from turnout.commands.status.evidence_text import describe_evidence
from turnout.commands.status.facts import ModelFacts, ServerState
from turnout.commands.status.next_step import NextStep, next_step
from turnout.commands.status.proofs import newest_version, proof_of
from turnout.commands.status.servers import server_states
from turnout.commands.status.shadow_state import shadow_state
from turnout.commands.status.stages import MigrationStage, stage_of
from turnout.plugins.declarations import Backend
from turnout.plugins.discovery import Plugins, find_plugins
from turnout.plugins.known import install_command, install_commands
from turnout.recording import record_files
from turnout.repository.evidence import read_evidence
from turnout.settings import LoadedModel, LoadedSettings, load_settings


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The stage of a model, the facts behind it, and the next step."""

    facts: ModelFacts
    stage: MigrationStage
    next: NextStep

    @property
    def unavailable(self) -> bool:
        """True if the server that serves the model cannot be reached, and the model has no fallback."""
        return self.facts.backend in self.facts.unreachable and not self.facts.has_fallback

    def evidence(self) -> dict[str, str]:
        """Return one line for each kind of evidence that there is, by its name, as ``turnout status`` prints it."""
        return describe_evidence(self.facts)

    def as_json(self) -> dict[str, Any]:
        """Return everything in types of JSON."""
        sets = {name: sorted(getattr(self.facts, name)) for name in ("sources", "remote", "known_servers", "proved")}
        facts = asdict(self.facts) | sets
        stage = {"stage": int(self.stage), "stage_name": self.stage.name.lower()}
        return {"model": self.facts.model} | stage | {"next": asdict(self.next)} | facts


def status_of_file(file: Path, model: str | None = None) -> list[ModelStatus]:
    """Return the status of ``model``, or of every model, of a turnout.yaml. Opens no model; blocks for seconds at most.

    Evidence that is missing or cannot be read proves nothing, and is no error.

    Raises:
        SettingsError: the file is wrong.
        UnknownNameError: the file has no such model.
    """
    plugins = find_plugins()
    loaded = load_settings(file, registry=plugins)
    models = list(loaded.models.values()) if model is None else [loaded.model(model)]
    servers = server_states(plugins, models)
    return [_status(loaded, plugins, one, servers[one.name]) for one in models]


def _status(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel, servers: tuple[ServerState, ...]) -> ModelStatus:
    facts = _facts(loaded, plugins, model, servers)
    return ModelStatus(facts, stage_of(facts), next_step(facts, _server_advice(plugins, model.name)))


def _server_advice(plugins: Plugins, model: str) -> str:
    for backend in plugins.backends():
        if backend.remote:
            return f"write '{backend.name}: {backend.example}' under models.{model}.backends"
    return install_commands("server")


def _facts(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel, servers: tuple[ServerState, ...]) -> ModelFacts:
    folder = find_model_folder(loaded, plugins, model.name)
    export, verify = (read_evidence(loaded.folder, model.name, topic, folder) for topic in ("export", "verify"))
    version = newest_version(folder, loaded.folder, (export, verify), model.settings.version)
    return ModelFacts(
        model.name,
        model.backend,
        **_settings_facts(model),
        **_plugin_facts(plugins, model),
        folder=display_path(folder, loaded.folder) if folder else "",
        recorded=_count_records(loaded, model),
        version=version,
        export=proof_of(export, version),
        verify=proof_of(verify, version),
        shadow=shadow_state(loaded, model, version.written if version is not None else None),
        servers=servers,
        proved=_proved_backends(loaded, plugins, model),
    )


def _proved_backends(loaded: LoadedSettings, plugins: Plugins, model: LoadedModel) -> frozenset[str]:
    standings = {name: arm_standing(loaded, plugins, model, name).standing for name in model.settings.backends}
    return frozenset(name for name, standing in standings.items() if standing is Standing.PROVED)


def _settings_facts(model: LoadedModel) -> dict[str, Any]:
    """Return the facts in the settings; a canary or shadow on the serving backend itself, or without weight, does not count."""
    canary, shadow = model.settings.canary, model.settings.shadow
    has_canary = canary is not None and canary.backend != model.backend and canary.weight > 0
    return {
        "backends": tuple(model.settings.backends),
        "fallback": model.settings.fallback,
        "canary": canary.backend if canary is not None and has_canary else None,
        "weight": canary.weight if canary is not None and has_canary else 0.0,
        "shadowed": shadow.backend if shadow is not None and shadow.backend != model.backend else None,
    }


def _plugin_facts(plugins: Plugins, model: LoadedModel) -> dict[str, Any]:
    """Return the facts that the installed plugins declare about the model's backends."""
    backends = [backend for backend in plugins.backends() if backend.name in model.settings.backends]
    serving = next((backend for backend in backends if backend.name == model.backend), None)
    missing = {name: install_command("backend", name) for name in model.settings.backends if name not in model.options}
    return {
        "missing": {name: command for name, command in missing.items() if command is not None},
        "known_servers": frozenset(name for name in missing if install_command("server", name) is not None),
        "sources": frozenset(exporter.backend for exporter in usable_exporters(plugins, model)),
        "remote": frozenset(backend.name for backend in backends if backend.remote),
        "serve_commands": {one.name: command for one in backends if (command := server_command(plugins, model, one.name))},
        "formats": tuple(exporter.format for exporter in usable_exporters(plugins, model)),
        "tuning": tuple(_tuning(model, serving)) if serving else (),
    }


def _tuning(model: LoadedModel, backend: Backend[Any]) -> Iterator[str]:
    if model.settings.dynamic_batching is not None:
        yield "dynamic_batching"
    for option in backend.tuning:
        *path, name = option.split(".")
        value: Any = model.settings.backends.get(backend.name, {})
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping) and name in value:
            yield name


def _count_records(loaded: LoadedSettings, model: LoadedModel) -> int:
    try:
        return len(record_files(recording_folder(loaded, model)))
    except OSError:
        return 0
