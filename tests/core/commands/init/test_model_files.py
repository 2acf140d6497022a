"""A first turnout.yaml with a model for each file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnout.commands.init.model_files import file_settings
from turnout.errors import ConfigurationError
from turnout.plugins.discovery import Plugins
from turnout.settings.document.parse import parse

Load = Callable[..., Plugins]


def _read(text: str) -> Any:
    return parse(text, "turnout.yaml").values


def test_each_file_becomes_a_model_with_a_path_from_the_folder(plugins_of: Load, tmp_path: Path) -> None:
    files = [tmp_path / "models" / "blip caption.onnx", tmp_path / "seg.bin", tmp_path / "a$b\u2028😀.onnx"]
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}}, weights={"file_options": {".bin": "file"}})

    draft = file_settings(plugins, files, tmp_path)

    assert _read(draft.text) == {
        "backend": "graphs",
        "models": {
            "blip_caption": {"backends": {"graphs": {"path": "models/blip caption.onnx"}}},
            "seg": {"backend": "weights", "backends": {"weights": {"file": "seg.bin"}}},
            "a_b_": {"backends": {"graphs": {"path": "a$$b\u2028😀.onnx"}}},
        },
    }


def test_files_that_share_a_name_are_called_after_their_folders(plugins_of: Load, tmp_path: Path) -> None:
    files = [tmp_path / "a" / "1" / "model.onnx", tmp_path / "b" / "model.ONNX", Path("---.onnx"), tmp_path / "c" / "b.onnx"]
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}})

    draft = file_settings(plugins, files, tmp_path)

    assert list(_read(draft.text)["models"]) == ["a", "b", "model", "b_2"]


def test_a_file_that_no_installed_backend_opens_is_refused(plugins_of: Load, tmp_path: Path) -> None:
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}})

    with pytest.raises(ConfigurationError, match=r"'m\.bin' is no model: .* with the suffix \.onnx; .*: turnout init\Z"):
        file_settings(plugins, [Path("m.bin")], Path())
    with pytest.raises(ConfigurationError, match=r"is a folder; .*: turnout init --from-repository "):
        file_settings(plugins, [tmp_path], Path())
    with pytest.raises(ConfigurationError, match=r"opens 'm\.onnx', nor any other model file; install one: .*onnxruntime"):
        file_settings(plugins_of(graphs={}), [Path("m.onnx")], Path())
    (tmp_path / "m.onnx").touch()
    with pytest.raises(ConfigurationError, match=r"m\.onnx' is empty"):
        file_settings(plugins, [tmp_path / "m.onnx"], Path())


def test_a_path_out_of_a_folder_that_is_a_link_leads_to_the_file(plugins_of: Load, tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "app").symlink_to(tmp_path / "far" / "away")
    (tmp_path / "m.onnx").write_bytes(b"m")
    (tmp_path / "app" / "n.onnx").write_bytes(b"n")
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}})

    draft = file_settings(plugins, [tmp_path / "m.onnx", tmp_path / "app" / "n.onnx"], tmp_path / "app")

    paths = [model["backends"]["graphs"]["path"] for model in _read(draft.text)["models"].values()]
    assert [(tmp_path / "app" / path).read_bytes() for path in paths] == [b"m", b"n"]
    assert paths[1] == "n.onnx"


def test_a_name_that_is_no_text_is_refused_with_what_to_do(plugins_of: Load) -> None:
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}})

    with pytest.raises(ConfigurationError, match=r"'a\\udcffb\.onnx' has a name that is no text in UTF-8; rename it"):
        file_settings(plugins, [Path("a\udcffb.onnx")], Path())


def test_more_files_than_a_turnout_yaml_may_have_are_an_error_that_says_so(
    plugins_of: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.settings.document.parse.MAX_VALUES", 30)
    plugins = plugins_of(graphs={"file_options": {".onnx": "path"}})

    with pytest.raises(
        ConfigurationError, match=r"the 20 files do not fit into one turnout\.yaml: more than 30 values; .*written"
    ):
        file_settings(plugins, [Path(f"{number}.onnx") for number in range(20)], Path())
