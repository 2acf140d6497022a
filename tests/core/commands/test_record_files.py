"""Files of folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.commands.record_files import expand_folders
from turnout.errors import InvalidInputError


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def test_a_folder_stands_for_its_files_by_name_also_below_it(tmp_path: Path) -> None:
    first, second, third = touch(tmp_path / "pictures", "a.jpg", "b/c.HEIC", "d.png")
    (alone,) = touch(tmp_path, "z.jpg")

    assert expand_folders([alone, tmp_path / "pictures"]) == [alone, first, second, third]


def test_notes_and_arrays_beside_pictures_are_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture, *_ = touch(tmp_path, "a.jpg", "notes.txt", "x.npz", ".DS_Store", ".cache/b.jpg")

    assert expand_folders([tmp_path]) == [picture]
    assert "2 files of" in caplog.text
    assert "such as 'notes.txt'" in caplog.text


def test_a_folder_of_arrays_is_a_folder_of_requests(tmp_path: Path) -> None:
    arrays = touch(tmp_path, "1.npz", "2.npz")

    assert expand_folders([tmp_path]) == arrays


@pytest.mark.parametrize("names", [(), ("notes.txt",), (".hidden.jpg",)])
def test_a_folder_without_input_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(tmp_path, *names)

    with pytest.raises(InvalidInputError, match="has no file to send"):
        expand_folders([tmp_path])


def test_a_note_with_the_name_of_a_picture_belongs_to_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture = tmp_path / "photo.jpg"
    for name in ("photo.jpg", "photo.regions.json"):
        (tmp_path / name).touch()

    assert expand_folders([tmp_path]) == [picture]
    assert caplog.text == ""
