from __future__ import annotations

import os
from pathlib import Path

import pytest

from turnout.files.below import DEEPEST, entries_below


def _names(folder: Path) -> list[str]:
    return [os.path.relpath(entry.path, folder) for entry in entries_below(folder)]


def test_everything_below_is_found_by_name_and_links_are_not_followed(tmp_path: Path) -> None:
    for name in ("b", "a/c/d", "a/b"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a/c/file", "z"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "loop").symlink_to("loop")

    assert _names(tmp_path) == ["a", "b", "loop", "z", "a/b", "a/c", "a/up", "a/c/d", "a/c/file"]


@pytest.mark.parametrize("depth", [DEEPEST + 1, 700])
def test_folders_that_are_nested_too_deep_are_an_error(depth: int, tmp_path: Path) -> None:
    (tmp_path / "/".join("a" * DEEPEST)).mkdir(parents=True)
    assert len(_names(tmp_path)) == DEEPEST

    (tmp_path / "/".join("a" * depth)).mkdir(parents=True)

    with pytest.raises(OSError, match="its folders are nested deeper than 64"):
        _names(tmp_path)


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _names(tmp_path / "nowhere")
