"""The text of a first turnout.yaml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout import Backend
from turnout.commands.init import repository_settings, starter_settings
from turnout.errors import ConfigurationError, UnknownNameError
from turnout.plugins.discovery import Plugins
from turnout.settings.document.parse import parse
from turnout.testing import PlusOne

Load = Callable[..., Plugins]


@pytest.fixture
def plugins_of(plugins_with: Load, no_options: Any) -> Load:
    """Return a function that loads a plugin with backends of these names, each with more fields of its declaration."""

    def load(**backends: dict[str, Any]) -> Plugins:
        plugins = plugins_with()
        module = plugins._inventory._manager.get_plugin("lists")
        module.BACKENDS += [Backend(name, lambda *_: PlusOne(), no_options, **more) for name, more in backends.items()]
        return plugins

    return load


def _read(text: str) -> Any:
    return parse(text, "turnout.yaml").values


def test_each_file_becomes_a_model_with_a_path_from_the_folder(plugins_of: Load, tmp_path: Path) -> None:
    files = [tmp_path / "models" / "blip caption.onnx", tmp_path / "seg.bin"]
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}}, weights={"file_options": {".bin": "file"}})

    written = _read(starter_settings(plugins, files, tmp_path))

    assert written["backend"] == "graphs"
    assert written["models"] == {
        "blip_caption": {"backends": {"graphs": {"path": "models/blip caption.onnx"}}},
        "seg": {"backend": "weights", "backends": {"weights": {"file": "seg.bin"}}},
    }


def test_files_of_one_name_and_of_no_usable_name_get_names_of_their_own(plugins_of: Load) -> None:
    files = [Path("a/model.onnx"), Path("b/model.ONNX"), Path("c/model.onnx"), Path("---.onnx")]
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}})

    written = _read(starter_settings(plugins, files, Path()))

    assert list(written["models"]) == ["model", "model_2", "model_3", "model_4"]


def test_a_file_that_no_installed_backend_opens_is_refused(plugins_of: Load) -> None:
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}})

    with pytest.raises(ConfigurationError, match=r"no installed backend opens 'm\.bin'; known suffixes: \.onnx\."):
        starter_settings(plugins, [Path("m.bin")], Path())


def test_without_files_the_starter_of_a_backend_is_written(plugins_of: Load) -> None:
    plugins = plugins_of(first={}, second={"starter": "backend: second\n"})

    assert _read(starter_settings(plugins, [], Path())) == {"backend": "second"}


def test_without_a_starter_there_is_an_example_for_each_backend(plugins_of: Load) -> None:
    plugins = plugins_of(away={"remote": True, "example": "{url: localhost:1}"}, here={})

    written = _read(starter_settings(plugins, [], Path()))

    assert written == {"backend": "here", "models": {"my_model": {"backends": {"here": {}, "away": {"url": "localhost:1"}}}}}


def test_without_a_backend_the_message_says_what_to_install(plugins_of: Load) -> None:
    with pytest.raises(UnknownNameError, match=r"none is installed; install one: .*pip install .*direct or .*pip install "):
        starter_settings(plugins_of(), [], Path())


def test_without_a_plugin_that_reads_repositories_the_message_says_what_to_install(plugins_of: Load) -> None:
    with pytest.raises(UnknownNameError, match=r"no installed plugin reads model repositories.*pip install \S*triton"):
        repository_settings(plugins_of(), Path("repository"), Path())
