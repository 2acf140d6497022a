"""A first turnout.yaml without model files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.commands.init.starter import starter_settings
from turnout.errors import SettingsError, UnknownNameError
from turnout.plugins.discovery import Plugins
from turnout.settings.document.parse import parse

Load = Callable[..., Plugins]
STARTER = """\
backend: second

models:
  m:
    backends: {second: {path: here}}

pipelines:
  describe:
    - load_image
    - caption: {model: m}
metrics: {latency_buckets_seconds: [1]}
"""


def _read(text: str) -> Any:
    return parse(text, "turnout.yaml").values


def test_the_starter_of_a_backend_is_written(plugins_of: Load) -> None:
    draft = starter_settings(plugins_of(first={}, second={"starter": "backend: second\n"}))

    assert (_read(draft.text), draft.notes) == ({"backend": "second"}, ())


def test_a_part_that_needs_what_is_not_installed_is_a_comment_with_the_reason(plugins_of: Load) -> None:
    draft = starter_settings(plugins_of(second={"starter": STARTER}))

    assert list(_read(draft.text)) == ["backend", "models", "metrics"]
    assert len(draft.notes) == 2
    assert "pip install" in draft.notes[0]
    assert f"# {draft.notes[0]}\n" in draft.text
    assert "# pipelines:\n#   describe:\n#     - load_image\n" in draft.text


def test_a_model_of_the_repository_there_keeps_its_name_for_itself(plugins_of: Load, tmp_path: Path) -> None:
    """An export would publish the new model as a version of the one that is there."""
    plugins = plugins_of(second={"starter": STARTER.replace("here", "model_repository/m")})
    before = starter_settings(plugins, tmp_path)
    for name in ("m", "my_m"):
        (tmp_path / "model_repository" / name / "1").mkdir(parents=True)

    draft = starter_settings(plugins, tmp_path)

    assert "m" in _read(before.text)["models"]
    assert _read(draft.text)["models"] == {"my_my_m": {"backends": {"second": {"path": "model_repository/my_my_m"}}}}
    assert "caption: {model: my_my_m}" in draft.text
    assert draft.notes[-1] == "model_repository/m is there already, so this model is called 'my_my_m'"


def test_a_starter_that_is_wrong_is_an_error_and_not_a_file(plugins_of: Load) -> None:
    with pytest.raises(SettingsError, match="a tab cannot indent"):
        starter_settings(plugins_of(second={"starter": "backend: second\nmodels:\n\tm: {}\n"}))


def test_without_a_starter_there_is_an_example_for_each_backend(plugins_of: Load) -> None:
    plugins = plugins_of(away={"remote": True, "example": "{url: localhost:1}"}, here={})

    draft = starter_settings(plugins)

    assert _read(draft.text) == {
        "backend": "here",
        "models": {"my_model": {"backends": {"here": {}, "away": {"url": "localhost:1"}}}},
    }


def test_without_a_backend_the_message_says_what_to_install(plugins_of: Load) -> None:
    with pytest.raises(UnknownNameError, match=r"none is installed; install one: .*pip install .*direct or .*pip install "):
        starter_settings(plugins_of())
