"""What the servers say now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from turnout.commands.check import ask_repository
from turnout.commands.status.facts import ServerState
from turnout.plugins.discovery import Plugins
from turnout.plugins.repositories import CheckRequest, Repository, RepositoryFinding
from turnout.settings import LoadedSettings

AT_ONCE = 8


def server_states(loaded: LoadedSettings, plugins: Plugins, models: Sequence[str]) -> dict[str, tuple[ServerState, ...]]:
    """Return for each model what its servers say; blocks for a second or two, however many models there are."""
    kinds = [kind for kind in plugins.repositories() if _is_remote(plugins, kind.backend)]
    with ThreadPoolExecutor(AT_ONCE, "turnout-status") as threads:
        asked = {
            (model, kind.backend): threads.submit(_ask, loaded, kind, model)
            for model in models
            for kind in kinds
            if (model, kind.backend) in loaded.backend_options
        }
    return {model: tuple(state.result() for (name, _), state in asked.items() if name == model) for model in models}


def _is_remote(plugins: Plugins, backend: str) -> bool:
    return plugins.backend_options(backend) is not None and plugins.backend(backend).remote


def _ask(loaded: LoadedSettings, kind: Repository, model: str) -> ServerState:
    declaration = loaded.settings.models[model].declaration(model, loaded.folder)
    options = loaded.backend_options[model, kind.backend]
    findings = ask_repository(kind, CheckRequest(declaration, options, serves=True, deep=True))
    wrong = [finding for finding in findings if not finding.ok]
    text = "; ".join(finding.text for finding in wrong or findings)
    return ServerState(kind.backend, _reached(findings), not wrong, text)


def _reached(findings: Iterable[RepositoryFinding]) -> bool | None:
    told = [finding.reached for finding in findings if finding.reached is not None]
    return any(told) if told else None
