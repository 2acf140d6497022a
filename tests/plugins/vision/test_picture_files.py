from __future__ import annotations

from pathlib import Path

from turnout_vision.picture_files import find_pictures, png_names


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_is_replaced_by_the_pictures_in_it_and_its_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.txt", "a.regions.json", "deep/c.webp", ".hidden.png", ".git/d.png", "out/e.png")

    found = find_pictures([tmp_path], exclude=tmp_path / "out")

    assert found == [tmp_path / name for name in ("a.png", "b.JPG", "deep/c.webp")]


def test_a_file_is_returned_unchanged_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")

    assert find_pictures([Path("missing.xyz"), tmp_path / "a.png", tmp_path]) == [Path("missing.xyz"), tmp_path / "a.png"]


def test_pictures_with_the_same_name_get_a_hash() -> None:
    names = png_names([Path("a/cat.jpg"), Path("b/Cat.png"), Path("b/dog.jpg")])

    assert names[Path("b/dog.jpg")] == "dog.png"
    assert len({name.casefold() for name in names.values()}) == 3
    assert png_names([Path("a/cat.jpg"), Path("b/Cat.png")])[Path("a/cat.jpg")] == names[Path("a/cat.jpg")]
