"""``turnout init``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from turnout.commands.init.draft import Draft


def test_init_writes_a_file_and_refuses_to_overwrite_it(cli: Any) -> None:
    first = cli("init")
    written = Path("turnout.yaml").read_text()
    Path("turnout.yaml").write_text("mine")
    again, forced = cli("init"), cli("init", "--force")

    assert (first.code, first.out, first.err) == (0, "wrote turnout.yaml\n", "next: turnout check\n")
    assert (again.code, again.out) == (2, "")
    assert "'turnout.yaml' exists; --force overwrites it" in again.err
    assert (forced.code, Path("turnout.yaml").read_text()) == (0, written)


def test_init_writes_the_models_of_a_repository_and_the_file_works(cli: Any) -> None:
    Path("repository").mkdir()

    ended = cli("init", "--from-repository", "repository")

    assert (ended.code, ended.out) == (0, "wrote turnout.yaml\n")
    assert ended.err.splitlines() == [
        "note: tagged: has no labels",
        "note: stateful: is a sequence model",
        "next: turnout check",
    ]
    text = Path("turnout.yaml").read_text()
    assert "  # tagged: has no labels\n  tagged:\n    max_batch_size: 2\n    backends:\n      kept: {}\n" in text
    assert '  "1":\n' in text
    assert '  "null":\n' in text
    assert "  # stateful: is a sequence model\n" in text
    assert cli("check").code == 0


def test_init_of_a_repository_that_is_not_there_writes_nothing(cli: Any) -> None:
    ended, both = cli("init", "--from-repository", "nowhere"), cli("init", "--from-repository", ".", __file__)

    assert (ended.code, both.code) == (2, 2)
    assert "there is no repository 'nowhere'" in ended.err
    assert "not both" in both.err
    assert not Path("turnout.yaml").exists()


def test_init_of_a_repository_with_no_usable_model_keeps_what_is_there(cli: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("turnout.commands.init.repository_models.load_draft", lambda *_: {"models": {}})
    Path("turnout.yaml").write_text("mine")

    ended = cli("init", "--from-repository", ".", "--force")

    assert (ended.code, ended.out, Path("turnout.yaml").read_text()) == (1, "", "mine")
    assert "note: stateful: is a sequence model\n" in ended.err
    assert (
        "error: no model of '.' can be used, so 'turnout.yaml' was not written\nnext: correct what the notes name" in ended.err
    )


def test_init_says_where_it_cannot_write(cli: Any) -> None:
    Path("folder").mkdir()

    nowhere, folder = cli("init", "--config", "none/turnout.yaml"), cli("init", "--force", "--config", "folder")

    assert (nowhere.code, folder.code) == (2, 2)
    assert "the folder 'none' of 'none/turnout.yaml' does not exist; create it first" in nowhere.err
    assert "'folder' is a folder; name a file in it: --config folder/turnout.yaml" in folder.err
    assert list(Path().iterdir()) == [Path("folder")]


def test_init_follows_a_link_and_paths_start_at_the_folder_of_the_file(cli: Any) -> None:
    Path("deep er").mkdir()
    Path("link.yaml").symlink_to("deep er/turnout.yaml")

    ended = cli("init", "--config", "link.yaml")

    assert ended.code == 0
    assert Path("link.yaml").is_symlink()
    assert Path("deep er/turnout.yaml").stat().st_mode & 0o600 == 0o600
    assert cli("check", "--config", "link.yaml").code in (0, 1)


@pytest.mark.parametrize("target", ["../new.yaml", "/nowhere/new.yaml", "turnout.yaml"])
def test_init_does_not_follow_a_link_out_of_the_folder_to_a_new_file(cli: Any, target: str) -> None:
    Path("turnout.yaml").symlink_to(target)

    ended = cli("init", "--force")

    assert (ended.code, Path("../new.yaml").exists()) == (2, False)
    assert "'turnout.yaml' is a link to a place elsewhere where no file is; remove it first" in ended.err


def test_more_notes_than_fit_on_a_screen_are_counted(cli: Any, monkeypatch: Any) -> None:
    draft = Draft("", tuple(f"note {number}" for number in range(100)))
    monkeypatch.setattr("turnout.cli.init_command._draft", lambda *_: draft)

    ended = cli("init", "--from-repository", ".")

    assert ended.err.count("note: note ") == 40
    assert "note: and 60 more notes\n" in ended.err
