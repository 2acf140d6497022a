from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from turnout.files.atomic import open_atomic, replace_file, write_atomic


def test_permissions_stay(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_bytes(b"old")
    file.chmod(0o640)

    replace_file(file, b"new")

    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_symlink_stays_one_and_its_target_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "real" / "settings.yaml"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link = tmp_path / "turnout.yaml"
    link.symlink_to(target)

    replace_file(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_reader_has_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_bytes(b"old")

    with file.open("rb") as reader:
        replace_file(file, b"new and longer")

        assert reader.read() == b"old"
    assert file.read_bytes() == b"new and longer"


def test_a_failure_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "turnout.yaml"
    file.write_bytes(b"old")

    def broken(*_: object) -> None:
        raise PermissionError(1, "no")

    monkeypatch.setattr(Path, "replace", broken)

    with pytest.raises(PermissionError):
        replace_file(file, b"new")
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["turnout.yaml"]  # noqa: PTH208


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "turnout.yaml", b"new")


def test_a_new_file_is_written_whole_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    write_atomic(tmp_path / "new.json", b"{}")

    assert (tmp_path / "new.json").read_bytes() == b"{}"
    assert stat.S_IMODE((tmp_path / "new.json").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["new.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_its_mode_without_the_bits_of_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with open_atomic(tmp_path / "new.png", mode=0o666) as stream:
            stream.write(b"pixels")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == mode
    assert [file.name for file in tmp_path.iterdir()] == ["new.png"]


def test_a_stream_can_seek_and_replaces_the_file_only_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_bytes(b"old")

    with open_atomic(file) as stream:
        stream.write(b"?ew")
        stream.seek(0)
        stream.write(b"n")
        assert file.read_bytes() == b"old"

    assert file.read_bytes() == b"new"


def test_a_block_that_raises_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_bytes(b"old")

    def write_half() -> None:
        with open_atomic(file) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert file.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["results.jsonl"]
