"""The text of a first turnout.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turnout.commands.init import repository_settings, starter_settings
from turnout.errors import UnknownNameError
from turnout.settings.document.parse import parse


def _models(text: str) -> Any:
    return parse(text, "turnout.yaml").values["models"]


def test_each_onnx_file_becomes_a_model_with_a_path_from_the_folder(tmp_path: Path) -> None:
    files = [tmp_path / "models" / "blip caption.onnx", tmp_path / "seg.onnx"]

    models = _models(starter_settings(files, tmp_path))

    assert {name: model["backends"]["onnxruntime"]["path"] for name, model in models.items()} == {
        "blip_caption": "models/blip caption.onnx",
        "seg": "seg.onnx",
    }


def test_files_of_one_name_and_of_no_usable_name_get_names_of_their_own() -> None:
    files = [Path("a/model.onnx"), Path("b/model.onnx"), Path("c/model.onnx"), Path("---.onnx")]

    assert list(_models(starter_settings(files, Path()))) == ["model", "model_2", "model_3", "model_4"]


def test_without_files_there_are_blip_and_birefnet_to_start_from() -> None:
    assert list(_models(starter_settings([], Path()))) == ["blip_caption", "birefnet"]


def test_without_a_plugin_that_reads_repositories_there_is_nothing_to_take(plugins_with: Any) -> None:
    with pytest.raises(UnknownNameError, match="pip install turnout-triton"):
        repository_settings(plugins_with(), Path("repository"), Path())
