"""The text of a first turnout.yaml, which is loaded before anybody gets it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from turnout.errors import SettingsError
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
    """

    text: str
    notes: tuple[str, ...] = ()


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
