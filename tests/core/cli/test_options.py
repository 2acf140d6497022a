"""Shell completion, and tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from turnout.cli.group import turnout
from turnout.cli.printing import print_table


def _completions(arguments: list[str], incomplete: str) -> set[str]:
    completion = ShellComplete(turnout, {}, "turnout", "_TURNOUT_COMPLETE")
    return {item.value for item in completion.get_completions(arguments, incomplete)}


def test_models_of_the_file_are_completed(cli: Any, settings_file: Path) -> None:
    assert _completions(["switch"], "") == {"first", "second"}
    assert _completions(["export"], "se") == {"second"}


def test_backends_of_the_model_are_completed(cli: Any, settings_file: Path) -> None:
    assert _completions(["switch", "first"], "pl") == {"plus"}
    assert _completions(["switch", "second"], "") == {"plus"}
    assert _completions(["verify", "first", "--against"], "pl") == {"plus"}


def test_formats_and_pipelines_are_completed(cli: Any, settings_file: Path) -> None:
    assert _completions(["export", "first", "--format"], "") == {"remote", "text"}
    assert _completions(["record", "first", "--pipeline"], "de") == {"describe"}


def test_the_pipeline_of_a_plugins_command_is_completed(cli: Any, settings_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = click.Command("go", params=[click.Argument(["pipeline"])])
    monkeypatch.setattr("turnout.plugins.discovery.Plugins.commands", lambda plugins: {"go": command})

    assert _completions(["go"], "") == {"describe"}


@pytest.mark.parametrize("text", ["", "models: [", "models: {m: {backend: gone, backends: {gone: }}}", "\0"])
def test_no_file_ever_ends_a_completion_with_an_error(cli: Any, text: str) -> None:
    Path("turnout.yaml").write_text(text)

    assert _completions(["verify"], "") == set()
    assert _completions(["record", "m", "--pipeline"], "") == set()
    assert _completions(["switch", "m"], "pl") == {"plus"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_and_completions(settings_file: Path, shell: str) -> None:
    def run(instruction: str, **more: str) -> str:
        command = [sys.executable, "-c", "import sys; sys.argv[0] = 'turnout'; from turnout.cli import main; main()"]
        variables = {**os.environ, "PYTHONPATH": str(Path.cwd().parent / "site"), "_TURNOUT_COMPLETE": f"{shell}_{instruction}"}
        done = subprocess.run(command, env=variables | more, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert "_TURNOUT_COMPLETE" in run("source")
    line = {"COMP_WORDS": "turnout verify fi", "COMP_CWORD": "fi" if shell == "fish" else "2"}
    assert "first" in run("complete", **line)


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

    assert _completions(["switch", "first"], "") == {"away", "plus"}


def test_a_table_lines_up_and_shows_a_dash_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "x"), [{"name": "long name", "x": None}, {"name": "n", "x": 12}])

    assert capsys.readouterr().out == "name       x\nlong name  -\nn          12\n"


def test_the_command_is_a_click_group() -> None:
    assert isinstance(turnout, click.Group)
