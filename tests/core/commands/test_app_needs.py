"""The needs of an app are read from its file alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from turnout import Backend, Options, Step
from turnout.commands import app_needs
from turnout.commands.app_needs import AppNeeds, read_app_needs
from turnout.errors import ConfigurationError, SettingsError
from turnout.plugins.discovery import Plugins

PLUGIN = """
from turnout import hookimpl
BACKENDS, STEPS = [], []
@hookimpl
def turnout_backends():
    return BACKENDS
@hookimpl
def turnout_steps():
    return STEPS
"""

YAML = """\
backend: ${CHOICE:-local}
models:
  m:
    max_batch_size: 4
    dynamic_batching: {}
    fallback: other
    backends:
      local: {path: models/m}
      other: {path: models/m/1/model.bin, size: "${SIZE}"}
      server: {url: "${URL:-localhost:1}", headers: {key: "${KEY:-}"}}
      idle: {path: models/idle, checkpoint: words}
pipelines:
  p: [{look: {model: m, file: list.txt}}]
"""


class FileOptions(Options):
    path: str = ""
    checkpoint: str = ""
    size: str = ""


class ServerOptions(Options):
    url: str
    headers: Mapping[str, SecretStr] = {}


class LookOptions(Options):
    model: str
    file: str = ""


@pytest.fixture
def read(load_plugins: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., AppNeeds]:
    plugins = load_plugins(several=PLUGIN)
    never: Any = None
    module = plugins._inventory._manager.get_plugin("several")
    module.BACKENDS += [Backend(name, never, FileOptions) for name in ("local", "other", "idle")]
    module.BACKENDS += [Backend("server", never, ServerOptions, remote=True, batches=True)]
    module.STEPS += [Step("look", never, LookOptions, model_options=("checkpoint",))]
    monkeypatch.setattr(app_needs, "find_plugins", lambda: plugins)
    monkeypatch.chdir(tmp_path)
    for name in ("models/m/1/model.bin", "models/idle/model.bin", "words/vocab", "list.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def read_text(text: str = YAML, **values: str) -> AppNeeds:
        Path("turnout.yaml").write_text(text, "utf-8")
        return read_app_needs(Path("turnout.yaml"), values)

    return read_text


def test_a_model_needs_the_backends_that_may_get_its_requests(read: Callable[..., AppNeeds]) -> None:
    needs = read()

    [model] = needs.models
    assert (model.name, model.serving, model.backends, model.remote, model.queues) == (
        "m",
        "local",
        ("local", "other"),
        ("server",),
        True,
    )
    assert needs.pipelines == ("p",)
    assert (needs.file_name, needs.text) == ("turnout.yaml", YAML)
    assert "models/m" not in repr(needs.models)


def test_a_value_chooses_and_the_environment_does_not(read: Callable[..., AppNeeds], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHOICE", "other")

    assert read().models[0].serving == "local"
    [model] = read(CHOICE="server").models
    assert (model.serving, model.queues) == ("server", False)


def test_the_files_are_those_of_models_in_process_and_those_that_steps_read(read: Callable[..., AppNeeds]) -> None:
    assert read().files == ("list.txt", "models/m", "words")
    assert read(CHOICE="server").files == ("list.txt", "models/m/1/model.bin", "words")
    assert read().outside == ()


def test_a_file_elsewhere_is_named(read: Callable[..., AppNeeds], tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")

    assert read(YAML.replace("path: models/m}", f"path: {outside}}}")).outside == (str(outside),)


def test_the_distribution_of_each_plugin_is_named_once(read: Callable[..., AppNeeds]) -> None:
    [distribution] = read().distributions

    assert distribution.count(" ") <= 1


def test_the_variables_are_those_of_the_file(read: Callable[..., AppNeeds]) -> None:
    found = {one.name: (one.default, one.secret) for one in read().variables}

    assert found == {"CHOICE": ("local", False), "KEY": ("", True), "SIZE": (None, False), "URL": ("localhost:1", False)}


def test_a_value_without_its_variable_is_refused(read: Callable[..., AppNeeds]) -> None:
    with pytest.raises(ConfigurationError, match="has no variable 'CHOISE'; it has: CHOICE, KEY, SIZE, URL"):
        read(CHOISE="other")
    assert read(CHOICE="other").models


def test_a_credential_in_the_file_is_refused_by_its_line(read: Callable[..., AppNeeds]) -> None:
    with pytest.raises(ConfigurationError, match=r"a credential is written at turnout.yaml:10") as caught:
        read(YAML.replace("${KEY:-}", "abc-123-def"))
    assert "abc-123-def" not in str(caught.value)


def test_a_file_without_a_model_and_a_wrong_one_are_refused(read: Callable[..., AppNeeds]) -> None:
    with pytest.raises(ConfigurationError, match="has no model"):
        read("models: {}\n")
    with pytest.raises(SettingsError):
        read(CHOICE="nothing")
