"""The version folders of a model, as Triton reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import ModelLoadError
from turnout.repository.versions import (
    check_version,
    evident_version,
    is_version,
    latest_version,
    served_version,
    served_versions,
    version_folder_of,
    version_text,
    versions,
)


@pytest.mark.parametrize("name", ["1", "10", "20261128"])
def test_a_number_is_a_version(name: str) -> None:
    assert is_version(name)


@pytest.mark.parametrize("name", ["0", "01", "-1", "1.0", "v1", "", "1 ", "²", "١", ".1", "1e3"])  # noqa: RUF001
def test_anything_else_is_not(name: str) -> None:
    assert not is_version(name)


def test_versions_are_ordered_by_number_and_files_are_no_versions(tmp_path: Path) -> None:
    for name in ("10", "9", "01", "warmup", "2"):
        (tmp_path / name).mkdir()
    (tmp_path / "11").write_text("a file")

    assert versions(tmp_path) == [2, 9, 10]
    assert latest_version(tmp_path) == 10


def test_a_folder_that_does_not_exist_has_no_versions(tmp_path: Path) -> None:
    assert versions(tmp_path / "m") == []
    assert latest_version(tmp_path / "m") is None


def test_the_versions_of_other_files_are_not_served_and_an_empty_one_is(tmp_path: Path) -> None:
    for name in ("1/model.onnx", "2/model.onnx", "3/model.pt", "10/model.pt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")

    assert (served_version(tmp_path, "model.onnx"), served_version(tmp_path, "model.pt")) == (2, 10)
    assert served_version(tmp_path, "model.py") is None
    (tmp_path / "11").mkdir()
    assert served_version(tmp_path, "model.onnx") == 11


def test_evidence_is_about_the_greatest_version_that_the_policy_serves(tmp_path: Path) -> None:
    for number in ("1", "3", "7", "07", "8.bak"):
        (tmp_path / number).mkdir()

    assert evident_version(tmp_path) == 7
    (tmp_path / "config.pbtxt").write_text("version_policy { specific { versions: [3, 1] } }")
    assert evident_version(tmp_path) == 3
    assert evident_version(tmp_path / "absent") is None


def test_the_policy_counts_the_versions_of_the_file(tmp_path: Path) -> None:
    for name in ("1/model.onnx", "2/model.onnx", "3/model.onnx", "4/model.pt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
    (tmp_path / "config.pbtxt").write_text("version_policy { latest { num_versions: 2 } }")

    assert served_versions(tmp_path, "model.onnx") == [2, 3]
    (tmp_path / "config.pbtxt").write_text("version_policy { specific { versions: [1, 4] } }")
    assert served_versions(tmp_path, "model.onnx") == [1]


def test_a_chosen_version_answers_whatever_the_policy_says(tmp_path: Path) -> None:
    for name in ("1/model.onnx", "2/model.onnx"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")

    assert (served_version(tmp_path, "model.onnx", "1"), evident_version(tmp_path, "1")) == (1, 1)
    assert (served_version(tmp_path, "model.onnx", "7"), evident_version(tmp_path, "7")) == (None, None)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("m/3/model.onnx", "3"),
        ("m/3/model.onnx/model.onnx", "3"),
        ("m/3", "3"),
        ("2024/models/model.onnx", ""),
        ("m/03/model.onnx", ""),
        ("model.onnx", ""),
    ],
)
def test_the_version_of_a_file_is_that_of_its_folder(tmp_path: Path, name: str, version: str) -> None:
    assert version_text([tmp_path / name]) == version
    assert version_folder_of([tmp_path / name]) == (tmp_path / "m" / version if version else None)


def test_a_path_that_contradicts_the_chosen_version_is_named(tmp_path: Path) -> None:
    check_version(tmp_path / "m" / "1" / "model.onnx", "1", "m")
    check_version(tmp_path / "model.onnx", "2", "m")

    with pytest.raises(ModelLoadError, match=r"'version' is 2, and its path names version 1: .*to the model's"):
        check_version(tmp_path / "m" / "1" / "model.onnx", "2", "m")
