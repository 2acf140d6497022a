"""The options of one model, for the command of a plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.commands.model_options import model_options
from turnout.errors import SettingsError, UnknownNameError
from turnout.testing import PlusOne


@pytest.fixture
def file(tmp_path: Path, plugins_with: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    plugins = plugins_with({"a": PlusOne})
    monkeypatch.setattr("turnout.commands.model_options.find_plugins", lambda: plugins)
    file = tmp_path / "turnout.yaml"
    file.write_text("models: {m: {backend: a, version: 3, backends: {a: {}}}}\n")
    return file


def test_a_plugin_gets_the_declaration_and_its_options_and_opens_nothing(file: Path) -> None:
    declaration, options = model_options(file, "m", "a")

    assert (declaration.name, declaration.version, declaration.folder) == ("m", "3", file.parent)
    assert type(options).__name__ == "NoOptions"


def test_what_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown model 'n'"):
        model_options(file, "n", "a")
    with pytest.raises(UnknownNameError, match=r"unknown backend 'b'; known: a\. .*for model 'm'"):
        model_options(file, "m", "b")
    file.write_text("models: 5\n")
    with pytest.raises(SettingsError):
        model_options(file, "m", "a")
