from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import InvalidInputError
from turnout_vision.regions.region_file import read_region_file, region_file_path


def test_the_region_file_is_in_the_folder_of_the_picture() -> None:
    assert region_file_path(Path("a/photo.large.jpg")) == Path("a/photo.large.regions.json")


@pytest.mark.parametrize("text", ['{"regions": [{"box": [1, 2, 3, 4]}]}', "[[1, 2, 3, 4]]", '\ufeff{"regions": []}'])
def test_reads_regions(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, "utf-8")

    assert (
        read_region_file(tmp_path / "a.json")[:0] == []
        if text.startswith("[")
        else "regions" in read_region_file(tmp_path / "a.json")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not valid JSON"),
        (b'{"regions": [', "is not valid JSON"),
        (b"\xff\xfe\x00", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"7", "must be"),
        (b'{"boxes": []}', "must be"),
        (b'{"regions": {"box": []}}', "must be"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.regions.json").write_bytes(content)

    with pytest.raises(InvalidInputError, match=rf"a\.regions\.json' {message}"):
        read_region_file(tmp_path / "a.regions.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read: No such file or directory; check the path"):
        read_region_file(tmp_path / "a.json")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as stream:
        stream.truncate(8_000_001)

    with pytest.raises(InvalidInputError, match="a region file has 8000000 bytes at most"):
        read_region_file(tmp_path / "a.json")
