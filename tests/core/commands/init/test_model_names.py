"""Names of models from names of files and folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.commands.init.model_names import model_names, wanted_name
from turnout.errors import SettingsError
from turnout.settings import load_settings


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["_pre", "détecteur", "my model", "eagle_model copy"], ["pre", "detecteur", "my_model", "eagle_model_copy"]),
        (["my model", "my_model", "my+model"], ["my_model_2", "my_model", "my_model_3"]),
        (["模型", "数据", "model"], ["model_2", "model_3", "model"]),
        (["m", "m", "m_2"], ["m", "m_3", "m_2"]),
        (["a" * 101, "a" * 102], ["a" * 100, "a" * 98 + "_2"]),
        (["--", "...", "a\nb", "yes", "1"], ["model", "model_2", "a_b", "yes", "1"]),
    ],
)
def test_a_name_keeps_what_it_can_and_no_two_are_equal(wanted: list[str], names: list[str]) -> None:
    assert model_names(wanted) == names


@given(st.lists(st.text(max_size=120), max_size=8))
def test_any_names_become_valid_and_different_ones(wanted: list[str]) -> None:
    names = model_names(wanted)

    assert len(set(names)) == len(wanted)
    load_names(names)
    for name, other in zip(wanted, names, strict=True):
        if wanted.count(name) == 1 and name != other:
            with pytest.raises(SettingsError):
                load_names([name])


def load_names(names: list[str]) -> None:
    class NoBackend:
        def backend_options(self, _: str) -> None:
            return None

        def backend_name(self, name: str) -> str:
            return name

        def why_missing(self, *_: str) -> str:
            return "missing"

    try:
        load_settings({"models": {name: {"backend": "b"} for name in names}}, registry=NoBackend(), environment={})
    except SettingsError as error:
        if [one for one in error.problems if "missing" not in one.message]:
            raise


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("classifier/1/model.onnx", "classifier"),
        ("classifier/1/model.onnx/model.onnx", "classifier"),
        ("big/onnx/model.onnx", "big"),
        ("yolo.onnx", "yolo"),
        ("model.onnx", "model"),
        ("1/model.onnx", "project"),
        ("../other/model.onnx", "other"),
        ("a/Model.ONNX", "a"),
        ("a/decoder_model.onnx", "decoder_model"),
    ],
)
def test_a_file_is_called_after_what_tells_it_from_others(tmp_path: Path, file: str, name: str) -> None:
    assert wanted_name(tmp_path / "project" / file, tmp_path / "project") == name
