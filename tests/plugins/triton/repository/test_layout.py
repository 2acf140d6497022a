"""The folders and files of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from turnout import ModelDeclaration
from turnout.repository.versions import versions
from turnout_triton.repository.layout import locate, newest_file


def test_versions_are_numbers_as_triton_reads_them(tmp_path: Path) -> None:
    for name in ("10", "9", "latest", "07", "0", "\u0663"):
        (tmp_path / name).mkdir()
    (tmp_path / "11").write_text("a file")

    assert versions(tmp_path) == [9, 10]
    assert versions(tmp_path / "nowhere") == []


def test_the_newest_file_is_that_of_the_greatest_version(tmp_path: Path) -> None:
    for version, name in (("2", "model.onnx"), ("10", "model.pt")):
        (tmp_path / version).mkdir()
        (tmp_path / version / name).write_bytes(b"")

    assert newest_file(tmp_path) == tmp_path / "10" / "model.pt"
    (tmp_path / "11").mkdir()
    assert newest_file(tmp_path) is None


def test_the_options_decide_the_folder_of_a_model(project: Any) -> None:
    model = ModelDeclaration("m", project.folder)

    assert locate(model, None) == project.folder / "model_repository" / "m"
    assert locate(model, project.options(repository="served", model="theirs")) == project.folder / "served" / "theirs"
