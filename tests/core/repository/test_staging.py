"""The file system's means of publishing."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from turnout.errors import ExportError
from turnout.files import lock
from turnout.repository import staging
from turnout.repository.staging import exchange, repository_lock, stage_for


def test_two_folders_are_exchanged(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)

    assert exchange(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / "one" / "other").exists()
    assert (tmp_path / "other" / "one").exists()


def test_what_cannot_be_exchanged_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()

    assert not exchange(tmp_path / "one", tmp_path / "nowhere")
    assert [entry.name for entry in tmp_path.iterdir()] == ["one"]


def test_a_stage_is_next_to_the_repository_where_no_server_reads(tmp_path: Path) -> None:
    with stage_for(tmp_path / "repository" / "m") as stage:
        assert stage.beside
        assert stage.folder.parent == tmp_path.resolve()
        assert list((tmp_path / "repository").iterdir()) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["repository"]


def test_a_stage_on_another_file_system_would_be_of_no_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging.os.path, "ismount", lambda path: Path(path).name == "repository")

    with stage_for(tmp_path / "repository" / "m") as stage:
        assert not stage.beside
        assert stage.folder.parent == tmp_path / "repository" / "m"
        assert not stage.folder.name.isdecimal()
    assert list((tmp_path / "repository" / "m").iterdir()) == []


def test_a_lock_keeps_others_out_until_it_is_given_back(tmp_path: Path) -> None:
    entered = threading.Event()

    def enter() -> None:
        with repository_lock(tmp_path):
            entered.set()

    with repository_lock(tmp_path) as alone:
        waiting = threading.Thread(target=enter, name="waiting")
        waiting.start()
        assert alone
        assert not entered.wait(0.1)
    assert entered.wait(20)
    waiting.join(20)


def test_a_lock_that_is_held_for_too_long_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "LOCK_SECONDS", 0.05)

    with (
        repository_lock(tmp_path),
        pytest.raises(ExportError, match=r"has been locked by another export for 0\.05 s"),
        repository_lock(tmp_path),
    ):
        pass
    with repository_lock(tmp_path) as alone:
        assert alone


def test_a_system_without_locks_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", None)

    with repository_lock(tmp_path) as alone:
        assert not alone
