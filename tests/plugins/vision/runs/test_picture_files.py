from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from turnout_vision.runs.picture_files import find_pictures, png_names


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_is_replaced_by_the_pictures_in_it_and_its_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.txt", "a.regions.json", "deep/c.webp", ".hidden.png", ".git/d.png", "out/e.png")

    found = find_pictures([tmp_path], exclude=tmp_path / "out")

    assert found.pictures == [tmp_path / name for name in ("a.png", "b.JPG", "deep/c.webp")]


def test_a_file_is_returned_unchanged_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")

    assert find_pictures([Path("missing.xyz"), tmp_path / "a.png", tmp_path]).pictures == [
        Path("missing.xyz"),
        tmp_path / "a.png",
    ]


def test_pictures_with_the_same_name_get_a_hash() -> None:
    names = png_names([Path("a/cat.jpg"), Path("b/Cat.png"), Path("b/dog.jpg")])

    assert names[Path("b/dog.jpg")] == "dog.png"
    assert len({name.casefold() for name in names.values()}) == 3
    assert png_names([Path("a/cat.jpg"), Path("b/Cat.png")])[Path("a/cat.jpg")] == names[Path("a/cat.jpg")]


def test_everything_in_a_folder_is_a_picture_or_counted(tmp_path: Path) -> None:
    touch(tmp_path, "IMG_1.HEIC", "b.avif", "c.psd", "notes.txt", "more.txt", "Makefile", ".hidden.png", ".git/d.png")
    touch(tmp_path, "a.png", "a.regions.json", "lonely.regions.json")
    (tmp_path / "download").write_bytes(b"\xff\xd8\xff\xe0 a JPEG without a name")
    (tmp_path / "shared").write_bytes(b"\x00\x00\x00\x24ftypheis a HEIC without a name")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "album").symlink_to(tmp_path.parent)

    found = find_pictures([tmp_path])

    names = ["IMG_1.HEIC", "a.png", "b.avif", "c.psd", "download", "nowhere.jpg", "shared"]
    assert [file.name for file in found.pictures] == names
    first, *others = found.describe_skipped()
    assert first.startswith("note: 4 files skipped, not pictures: 2 .txt, ")
    assert others == [
        "note: 2 hidden files and folders skipped",
        "note: 1 linked folder skipped; give it by its path to read it",
    ]
    assert found.others.total() + found.hidden + found.linked == 7


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "good.png", "private/x.png")

    def refuse(path: Any) -> Any:
        if str(path).endswith("private"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    scandir = os.scandir
    # Tests may run as root, whom permissions do not stop.
    monkeypatch.setattr(os, "scandir", refuse)
    found = find_pictures([tmp_path])

    assert [file.name for file in found.pictures] == ["good.png"]
    assert found.describe_skipped() == [f"error: folder {str(tmp_path / 'private')!r} cannot be read: Permission denied"]
