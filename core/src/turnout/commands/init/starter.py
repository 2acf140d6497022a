"""A first turnout.yaml from the starter of an installed backend, or from the examples of all."""

from __future__ import annotations

import re
from pathlib import Path

from turnout.commands.init.draft import HEAD, Draft, load_draft
from turnout.commands.init.yaml_text import comment
from turnout.errors import SettingsError, UnknownNameError
from turnout.plugins.discovery import Plugins
from turnout.plugins.known import install_commands
from turnout.repository.evidence import DEFAULT_REPOSITORY

_BLOCK = re.compile(r"(?m)^(?=[A-Za-z])")
_LINE = re.compile(r":(\d+):\d+\Z")


def starter_settings(plugins: Plugins, folder: Path | None = None) -> Draft:
    """Return a turnout.yaml with an example; a part that needs what is not installed becomes a comment with the reason.

    A model gets another name than those in the model repository of ``folder``, whose versions belong to another turnout.yaml.

    Raises:
        UnknownNameError: no backend is installed.
        SettingsError: the example of a plugin is wrong.
    """
    if not plugins.backends():
        raise UnknownNameError(
            f"a turnout.yaml needs a backend, and none is installed; install one: {install_commands('backend')}"
        )
    text = HEAD + _example(plugins)
    try:
        draft = Draft(text, (), load_draft(text, plugins))
    except SettingsError as error:
        text, notes = _without_problems(text, error)
        draft = Draft(text, notes, load_draft(text, plugins))
        if not draft.values.get("models"):
            raise
    return draft if folder is None else _beside_others(draft, plugins, folder)


def _beside_others(draft: Draft, plugins: Plugins, folder: Path) -> Draft:
    """Return ``draft`` with the models that are in the repository of ``folder`` renamed."""
    text, notes = draft.text, [*draft.notes]
    for name in draft.values.get("models") or ():
        new = name
        while (folder / DEFAULT_REPOSITORY / new).exists():
            new = f"my_{new}"
        if new != name:
            text = re.sub(rf"\b{re.escape(name)}\b", new, text)
            notes.append(f"{DEFAULT_REPOSITORY}/{name} is there already, so this model is called {new!r}")
    return Draft(text, tuple(notes), load_draft(text, plugins))


def _example(plugins: Plugins) -> str:
    """Return the starter of the first backend that has one, else a model with an example for each backend."""
    starters = [backend.starter for backend in plugins.backends() if backend.starter]
    if starters:
        return starters[0]
    backends = sorted(plugins.backends(), key=lambda backend: backend.remote)
    options = [f"      {backend.name}: {backend.example}" for backend in backends]
    return "\n".join([f"backend: {backends[0].name}", "", "models:", "  my_model:", "    backends:", *options, ""])


def _without_problems(text: str, error: SettingsError) -> tuple[str, tuple[str, ...]]:
    """Return ``text`` with each top-level block that has a problem as a comment, and the problems."""
    reasons = tuple(comment(problem.message) for problem in error.problems)
    lines = {int(match[1]) for problem in error.problems if (match := _LINE.search(problem.where))}
    kept, number = [], 1
    for block in _BLOCK.split(text):
        end = number + block.count("\n")
        disabled = "".join(f"# {line}\n" for line in (*reasons, *block.splitlines()))
        kept.append(disabled if lines.intersection(range(number, end)) else block)
        number = end
    return "".join(kept), reasons
