"""The version folders of a model, as Triton reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.repository.versions import is_version, latest_version, versions


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
