"""Present states of the models on their servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from turnout.commands.check import run_repository_check
from turnout.commands.status.facts import ServerState
from turnout.plugins.discovery import Plugins
from turnout.plugins.repositories import CheckRequest, Repository, RepositoryFinding
from turnout.settings import LoadedModel

_CONCURRENT_CHECKS = 8
_SHOWN = 2


def server_states(plugins: Plugins, models: Sequence[LoadedModel]) -> dict[str, tuple[ServerState, ...]]:
    """Return the states of each model by its name; blocks for a second or two, however many models there are."""
    kinds = [kind for kind in plugins.repositories() if _is_remote(plugins, kind.backend)]
    with ThreadPoolExecutor(_CONCURRENT_CHECKS, "turnout-status") as threads:
        checks = {
            model.name: [threads.submit(_check_server, kind, model) for kind in kinds if kind.backend in model.options]
            for model in models
        }
    return {name: tuple(check.result() for check in of_model) for name, of_model in checks.items()}


def _is_remote(plugins: Plugins, backend: str) -> bool:
    return plugins.backend_options(backend) is not None and plugins.backend(backend).remote


def _check_server(kind: Repository, model: LoadedModel) -> ServerState:
    request = CheckRequest(model.declaration, model.options[kind.backend], serves=True, deep=True)
    findings = run_repository_check(kind, request)
    wrong = [finding for finding in findings if not finding.ok]
    text = _text(wrong or findings)
    return ServerState(kind.backend, _any_reached(findings), not wrong, text)


def _text(findings: Sequence[RepositoryFinding]) -> str:
    """Return the findings in one line; of many, the first and their number."""
    if len(findings) <= _SHOWN:
        return "; ".join(finding.text for finding in findings)
    return f"{findings[0].text}; and {len(findings) - 1} more, see turnout check"


def _any_reached(findings: Iterable[RepositoryFinding]) -> bool | None:
    """Return whether any server responded; None if the check sent no request."""
    reached = [finding.reached for finding in findings if finding.reached is not None]
    return any(reached) if reached else None
