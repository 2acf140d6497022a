"""The text of a first turnout.yaml, which is loaded, whole, before it is in its place."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from turnout.errors import ConfigurationError, SettingsError
from turnout.files.atomic import open_atomic
from turnout.plugins.discovery import Plugins
from turnout.settings import load_settings
from turnout.settings.document.source import document_of_file

HEAD = """\
# What runs each model. `turnout switch MODEL BACKEND` edits a model's line 'backend:'; `turnout check` checks this file.
# yaml-language-server: $schema=turnout.schema.json    (turnout schema > turnout.schema.json)
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A first turnout.yaml.

    Attributes:
        text: the text of the file; empty if nothing can be written.
        notes: messages for the user, one line each: what was left out and why, what to know about a model.
        values: what every command reads in the text.
    """

    text: str
    notes: tuple[str, ...] = ()
    values: Any = None


def checked_draft(text: str, models: Mapping[str, Any], plugins: Plugins, notes: tuple[str, ...] = ()) -> Draft:
    """Return ``text`` as a draft, loaded whole: it has these ``models`` by name, with these keys, and no others.

    Raises:
        SettingsError: no command would accept the file.
        ConfigurationError: a command would read something else in it.
    """
    values = load_draft(text, plugins)
    if values["models"] != models:
        raise ConfigurationError(
            "turnout.yaml would not say the same as the files; nothing was written. Rename what has unusual characters, or "
            "write turnout.yaml yourself: turnout init"
        )
    return Draft(text, notes, values)


def place_draft(draft: Draft, file: Path, plugins: Plugins) -> None:
    """Write ``draft`` to ``file``, which appears or changes only after its content was read again, and says the same.

    A link is followed. An old file is kept if the disk is full.

    Raises:
        OSError: the folder or the disk refuses.
        SettingsError: no command would accept what was written; ConfigurationError if it would read something else in it.
    """
    with open_atomic(file.resolve(), mode=0o666) as stream:
        stream.write(draft.text.encode())
        stream.seek(0)
        if load_draft(stream.read().decode(), plugins) != draft.values:
            raise ConfigurationError(f"{str(file)!r} was not written: a command would read something else in it")


def load_draft(text: str, plugins: Plugins) -> Any:
    """Return the values of ``text``, loaded as every command loads turnout.yaml, without variables of the environment.

    Raises:
        SettingsError: no command would accept the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "turnout.yaml"
        file.write_text(text, "utf-8")
        try:
            load_settings(file, registry=plugins, environment={})
        except SettingsError as error:
            problems = [replace(one, where=one.where.replace(str(file), file.name)) for one in error.problems]
            raise SettingsError(problems) from None
        return document_of_file(file).values
