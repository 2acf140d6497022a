"""Shell completion, and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from turnout.cli.group import turnout
from turnout.cli.options import print_table


def _completions(arguments: list[str], incomplete: str) -> set[str]:
    completion = ShellComplete(turnout, {}, "turnout", "_TURNOUT_COMPLETE")
    return {item.value for item in completion.get_completions(arguments, incomplete)}


def test_models_of_the_file_are_completed(cli: Any, settings_file: Path) -> None:
    assert _completions(["switch"], "") == {"first", "second"}
    assert _completions(["export"], "se") == {"second"}


def test_backends_are_completed(cli: Any, settings_file: Path) -> None:
    assert _completions(["switch", "first"], "pl") == {"plus"}


def test_commands_are_completed(cli: Any) -> None:
    assert {"switch", "schema"} <= _completions([], "s")


def test_a_wrong_file_completes_nothing(cli: Any, settings_file: Path) -> None:
    settings_file.write_text("models: 3\n")

    assert _completions(["switch"], "") == set()


def test_plugins_in_conflict_do_not_keep_the_others_from_being_completed(
    cli: Any, settings_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n", "utf-8")
        (info / "entry_points.txt").write_text("[turnout]\nsame_name = turnout.errors\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert _completions(["switch", "first"], "") == {"away", "kept", "lost", "plus"}


def test_a_table_lines_up_and_shows_a_dash_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "x"), [{"name": "long name", "x": None}, {"name": "n", "x": 12}])

    assert capsys.readouterr().out == "name       x\nlong name  -\nn          12\n"


def test_the_command_is_a_click_group() -> None:
    assert isinstance(turnout, click.Group)
