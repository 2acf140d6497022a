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
    with pytest.raises(
        ModelLoadError, match=r"model 'm': file '.*nope.onnx' does not exist; correct 'path'.*turnout status m$"
    ):
        find_model_file(Path("nope.onnx"), tmp_path, "m")


def test_reports_a_missing_version_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"model 'm': folder '.*' has no version folder such as '1'"):
        find_model_file(Path(), tmp_path, "m")


def test_does_not_fall_back_to_an_older_version(tmp_path: Path) -> None:
    touch(tmp_path / "1" / "model.onnx")
    (tmp_path / "2").mkdir()

    with pytest.raises(ModelLoadError, match=r"version 2 is served and has no model.onnx: '.*2.model.onnx' is missing"):
        find_model_file(Path(), tmp_path, "m")


def test_a_version_of_another_format_is_not_its_own(tmp_path: Path) -> None:
    file = touch(tmp_path / "1" / "model.onnx")
    touch(tmp_path / "2" / "model.pt")

    assert find_model_file(Path(), tmp_path, "m") == file


@pytest.mark.parametrize(
    ("policy", "version"),
    [
        ("specific: { versions: [1] }", "1"),
        ("specific { versions: 3 versions: 1 }", "3"),
        ("all {}", "4"),
        ("latest { num_versions: 2 }", "4"),
    ],
)
def test_the_version_that_a_server_would_answer_from_is_opened(tmp_path: Path, policy: str, version: str) -> None:
    for number in ("1", "2", "3", "4"):
        touch(tmp_path / number / "model.onnx")
    touch(tmp_path / "config.pbtxt").write_text(f"version_policy: {{ {policy} }}")

    assert find_model_file(Path(), tmp_path, "m") == tmp_path / version / "model.onnx"


def test_a_version_and_a_large_model_are_folders_too(tmp_path: Path) -> None:
    plain, large = touch(tmp_path / "m" / "1" / "model.onnx"), touch(tmp_path / "n" / "1" / "model.onnx" / "model.onnx")

    assert find_model_file(Path("m/1"), tmp_path, "m") == plain
    assert [find_model_file(Path(path), tmp_path, "n") for path in ("n", "n/1", "n/1/model.onnx")] == [large] * 3


@pytest.mark.parametrize("files", [["1/model.pt"], ["1/model.onnx", "2/model.onnx"]])
def test_versions_of_which_none_is_served_are_listed(tmp_path: Path, files: list[str]) -> None:
    for file in files:
        touch(tmp_path / file)
    touch(tmp_path / "config.pbtxt").write_text("version_policy { specific { versions: 9 } }")

    with pytest.raises(ModelLoadError, match=r"no version in '.*' that is served has model\.onnx; it has 1 \(model\."):
        find_model_file(Path(), tmp_path, "m")
