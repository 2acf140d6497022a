"""A first turnout.yaml with the models of an existing model repository."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnout.commands.init.draft import HEAD, Draft, checked_draft, load_draft
from turnout.commands.init.model_names import model_names
from turnout.commands.init.yaml_text import comment, yaml_value
from turnout.errors import ConfigurationError, SettingsError, UnknownNameError
from turnout.plugins.discovery import Plugins
from turnout.plugins.known import install_commands
from turnout.plugins.repositories import Repository, RepositoryModel
from turnout.settings.edit.line_edit import text_scalar


@dataclass(frozen=True, slots=True)
class _Entry:
    """A model for turnout.yaml: its name there, its keys, and remarks; without keys it is left out."""

    name: str
    settings: Any
    remarks: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        yield from (f"  # {note}" for note in self.notes())
        if not self.settings:
            return
        yield f"  {text_scalar(self.name)}:"
        for key, value in self.settings.items():
            if key != "backends":
                yield f"    {key}: {yaml_value(value)}"
                continue
            yield "    backends:"
            yield from (f"      {backend}: {yaml_value(options)}" for backend, options in value.items())

    def notes(self) -> list[str]:
        return [comment(f"{self.name}: {remark.replace('{name}', self.name)}") for remark in self.remarks]

    def skipped(self, reason: str) -> _Entry:
        return _Entry(self.name, {}, (f"was skipped: {reason}",))


def repository_settings(plugins: Plugins, repository: Path, folder: Path, config: str | None = None) -> Draft:
    """Return a turnout.yaml for ``folder`` with the models of an existing model repository.

    A model that Turnout cannot serve becomes a comment with the reason, and a note; if that is every model, there is no text.
    The commands in notes name ``config``, if the file is not called turnout.yaml.

    Raises:
        UnknownNameError: no installed plugin reads model repositories.
        ConfigurationError: the repository does not exist, or has no models, or more than a turnout.yaml may have.
    """
    kinds = plugins.repositories()
    if not kinds:
        raise UnknownNameError(
            f"the models of {str(repository)!r} cannot be read: no installed plugin reads model repositories; "
            f"install one: {install_commands('repository')}"
        )
    described = [(kind, model) for kind in kinds for model in kind.describe(repository, folder)]
    head = f"{HEAD}backend: {kinds[0].backend}\n\nmodels:\n"
    entries = [_loaded(head, entry, plugins) for entry in _named(described, config)]
    notes = tuple(note for entry in entries for note in entry.notes())
    count = sum(1 for entry in entries if entry.settings)
    if not count:
        return Draft("", notes)
    models = {entry.name: entry.settings for entry in entries if entry.settings}
    try:
        return checked_draft(_text(head, entries), models, plugins, notes)
    except SettingsError as error:
        raise ConfigurationError(
            f"the {count} models of {str(repository)!r} do not fit into one turnout.yaml: {error.problems[0].message}; "
            "move some of them into another repository"
        ) from error


def _named(described: Sequence[tuple[Repository, RepositoryModel]], config: str | None) -> Iterator[_Entry]:
    """Yield each model under a valid name; one that is called otherwise on the server says so."""
    # A model that is skipped keeps its own name, and takes none from the others.
    used = [model.name for _, model in described if model.settings]
    names = dict(zip(used, model_names(used), strict=True))
    for kind, model in described:
        name = names.get(model.name, model.name)
        settings = json.loads(json.dumps(model.settings))
        remarks = tuple(_with_config(remark, config) for remark in model.remarks)
        if name == model.name or not settings:
            yield _Entry(model.name, settings, remarks)
        elif not kind.name_option:
            yield _Entry(model.name, {}, ("was skipped: turnout.yaml accepts no such name; rename it",))
        else:
            options = settings["backends"][kind.backend]
            # A dollar sign begins a variable.
            settings["backends"][kind.backend] = {kind.name_option: model.name.replace("$", "$$")} | options
            yield _Entry(name, settings, (f"is {model.name!r} on the server", *remarks))


def _with_config(remark: str, config: str | None) -> str:
    """Return ``remark`` with the option ``--config`` in its commands, if the file needs one."""
    if config is None:
        return remark
    option = f"--config {shlex.quote(config)}"
    return re.sub(r"\bturnout [a-z]+ \{name\}", lambda command: f"{command[0]} {option}", remark)


def _loaded(head: str, entry: _Entry, plugins: Plugins) -> _Entry:
    """Return ``entry``, skipped with the reason if a turnout.yaml with it alone does not load, or says something else."""
    if not entry.settings:
        return entry
    try:
        values = load_draft(_text(head, [entry]), plugins)
    except SettingsError as error:
        return entry.skipped(f"turnout.yaml cannot express it: {'; '.join(problem.message for problem in error.problems[:3])}")
    if values["models"] != {entry.name: entry.settings}:
        return entry.skipped("turnout.yaml would not say the same as its configuration; rename what has unusual characters")
    return entry


def _text(head: str, entries: Sequence[_Entry]) -> str:
    return head + "".join(f"{line}\n" for entry in entries for line in entry.lines())
