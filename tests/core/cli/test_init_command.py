"""``turnout init``."""

from __future__ import annotations

from pathlib import Path
from typing import Any


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
