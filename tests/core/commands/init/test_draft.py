"""A draft is loaded, whole, before it is in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from turnout.commands.init.draft import Draft, checked_draft, place_draft
from turnout.errors import ConfigurationError, SettingsError
from turnout.plugins.discovery import Plugins

Load = Callable[..., Plugins]
TEXT = "backend: graphs\nmodels:\n  m: {backends: {graphs: {path: x}}}\n"
MODELS = {"m": {"backends": {"graphs": {"path": "x"}}}}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def plugins(plugins_of: Load) -> Plugins:
    return plugins_of(graphs={})


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "  evil: {backends: {graphs: {path: y}}}\n",
        TEXT.replace("x", "y"),
        TEXT.replace("{path: x}", "{path: x, file: y}"),
        TEXT.replace("  m:", "  n:"),
        "backend: graphs\nmodels: {}\n",
    ],
)
def test_a_text_with_other_models_or_keys_than_were_meant_is_refused(plugins: Plugins, text: str) -> None:
    with pytest.raises(ConfigurationError, match="would not say the same as the files; nothing was written"):
        checked_draft(text, MODELS, plugins)


def test_a_text_that_no_command_loads_is_refused(plugins: Plugins) -> None:
    with pytest.raises(SettingsError):
        checked_draft(TEXT + "x: y\n", MODELS, plugins)


def test_a_draft_is_placed_whole_and_a_link_is_followed(plugins: Plugins, place: Path) -> None:
    (place / "link.yaml").symlink_to("turnout.yaml")

    place_draft(checked_draft(TEXT, MODELS, plugins), place / "link.yaml", plugins)

    assert (place / "turnout.yaml").read_text() == TEXT
    assert (place / "link.yaml").is_symlink()


@pytest.mark.parametrize("text", [TEXT + "  evil: {backends: {graphs: {path: y}}}\n", "a: [", "", "\0", TEXT + "x: y\n"])
@pytest.mark.parametrize("old", ["mine", None])
def test_what_was_written_is_read_again_before_it_is_in_its_place(
    plugins: Plugins, place: Path, text: str, old: str | None
) -> None:
    file = place / "turnout.yaml"
    if old is not None:
        file.write_text(old)

    with pytest.raises((ConfigurationError, SettingsError)):
        place_draft(replace(checked_draft(TEXT, MODELS, plugins), text=text), file, plugins)

    assert [entry.name for entry in place.iterdir()] == (["turnout.yaml"] if old else [])
    assert old is None or file.read_text() == old


def test_a_draft_without_values_is_never_placed(plugins: Plugins, place: Path) -> None:
    with pytest.raises(ConfigurationError, match="a command would read something else in it"):
        place_draft(Draft(TEXT), place / "turnout.yaml", plugins)

    assert list(place.iterdir()) == []
