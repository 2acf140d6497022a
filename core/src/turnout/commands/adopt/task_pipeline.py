"""The pipeline of a model that was adopted: from the steps that know its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnout.commands.adopt.candidate import Candidate
from turnout.plugins.discovery import Plugins

_INPUT = "{input}"
"""The value of an option that is left out where the name of the model's input is not known: its default holds."""


def task_pipelines(plugins: Plugins, candidates: Sequence[Candidate], step_options: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the pipelines for ``candidates`` by name: one for each step that knows the task of one of them.

    ``step_options`` are further options of the steps that name a model.
    """
    roles = {candidate.found.role: candidate.name for candidate in candidates if candidate.found.role}
    pipelines: dict[str, list[Any]] = {}
    for candidate in candidates:
        names = {"model": candidate.name, **roles, **_only_input(candidate)}
        for kind in plugins.known_steps():
            steps = plugins.step(kind).pipelines.get(candidate.found.task) if candidate.found.task else None
            if steps is not None:
                named = [_named(step, names) for step in steps]
                pipelines[f"{kind}_{candidate.name}"] = [_with_options(step, step_options) for step in named]
    return pipelines


def _only_input(candidate: Candidate) -> dict[str, str]:
    """Return the name of the model's input, if the source says that it has one."""
    inputs = candidate.found.inputs
    return {_INPUT[1:-1]: inputs[0]} if len(inputs) == 1 else {}


def _with_options(step: Any, options: Mapping[str, Any]) -> Any:
    """Return ``step`` with further options, if it is one with a model."""
    if not isinstance(step, Mapping) or not options:
        return step
    return {kind: {**own, **options} if "model" in own else own for kind, own in step.items()}


def _named(value: Any, names: Mapping[str, str]) -> Any:
    """Return ``value`` with the names of models in place of ``{model}`` and of roles."""
    if isinstance(value, str):
        return value.format_map(names) if value.startswith("{") and value[1:-1] in names else value
    if isinstance(value, Mapping):
        known = {key: inner for key, inner in value.items() if inner != _INPUT or _INPUT[1:-1] in names}
        return {key: _named(inner, names) for key, inner in known.items()}
    return [_named(inner, names) for inner in value] if isinstance(value, list | tuple) else value
