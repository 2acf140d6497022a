from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import ModelLoadError
from turnout_onnxruntime.model_file import find_model_file


def touch(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    return file


def test_finds_a_file_relative_to_the_folder_of_the_settings(tmp_path: Path) -> None:
    file = touch(tmp_path / "models" / "a.onnx")

    assert find_model_file(Path("models/a.onnx"), tmp_path, "m") == file
    assert find_model_file(file, Path("elsewhere"), "m") == file


def test_selects_the_greatest_version_by_number(tmp_path: Path) -> None:
    for version in ("2", "10", "9", "011", "latest", "\u00b2"):
        touch(tmp_path / "m" / version / "model.onnx")
    touch(tmp_path / "m" / "99")

    assert find_model_file(Path("m"), tmp_path, "m") == tmp_path / "m" / "10" / "model.onnx"


@pytest.mark.parametrize("path", ["m", "m/3", "m/3/model.onnx", "m/3/model.onnx/model.onnx"])
def test_a_large_model_is_a_folder_with_its_file_and_its_weights(tmp_path: Path, path: str) -> None:
    file = touch(tmp_path / "m" / "3" / "model.onnx" / "model.onnx")
    touch(file.with_name("weights.bin"))

    assert find_model_file(Path(path), tmp_path, "m") == file


def test_a_folder_without_its_file_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "m" / "1" / "model.onnx" / "weights.bin")

    with pytest.raises(ModelLoadError, match=r"'.*1.model\.onnx.model\.onnx' is missing"):
        find_model_file(Path("m"), tmp_path, "m")


def test_reports_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"model 'm': file '.*nope.onnx' does not exist; correct 'path'.*turnout export m"):
        find_model_file(Path("nope.onnx"), tmp_path, "m")


def test_reports_a_missing_version_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"model 'm': folder '.*' has no version folder such as '1'"):
        find_model_file(Path(), tmp_path, "m")


def test_does_not_fall_back_to_an_older_version(tmp_path: Path) -> None:
    touch(tmp_path / "1" / "model.onnx")
    (tmp_path / "2").mkdir()

    with pytest.raises(ModelLoadError, match=r"the latest version has no model.onnx: '.*2.model.onnx' is missing"):
        find_model_file(Path(), tmp_path, "m")
