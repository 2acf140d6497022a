"""The command ``turnout`` itself."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from turnout.cli.group import OWN_COMMANDS
from turnout.cli.group import turnout as turnout_group


@pytest.mark.parametrize("name", sorted(OWN_COMMANDS))
def test_every_command_is_a_click_command_with_its_own_help(cli: Any, name: str) -> None:
    command = importlib.import_module(f"turnout.cli.{name}_command").command

    ended = cli(name, "--help")

    assert isinstance(command, click.Command)
    assert command.name == name
    assert (ended.code, ended.err) == (0, "")
    assert f"turnout {name}" in ended.out


def test_the_help_lists_every_command_with_a_sentence(cli: Any) -> None:
    ended = cli("--help")

    assert (ended.code, ended.err) == (0, "")
    for name, sentence in OWN_COMMANDS.items():
        assert any(line.split()[:1] == [name] and line.endswith(sentence) for line in ended.out.splitlines())


def test_the_help_is_in_the_order_of_the_way_and_a_plugin_names_its_section(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    declared, silent = click.Command("tune", help="Tune."), click.Command("zap", help="Zap.")
    declared.help_section = "Move a model"  # type: ignore[attr-defined]
    monkeypatch.setattr(turnout_group, "_plugin_commands", {"zap": silent, "tune": declared}, raising=False)

    lines = [line for line in cli("--help").out.splitlines() if line.strip()]

    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options:", "Start:", "Move a model:", "Operate:", "Tools:", "Other:"]
    start = lines.index("Move a model:")
    assert [line.split()[0] for line in lines[start + 1 : start + 7]] == [
        "export",
        "record",
        "verify",
        "bench",
        "switch",
        "tune",
    ]
    assert lines[-1].split() == ["zap", "Zap."]


def test_the_version_is_printed(cli: Any) -> None:
    from importlib.metadata import version

    assert version("turnout") in cli("--version").out


def test_an_unknown_command_is_a_usage_error_that_suggests_the_nearest(cli: Any) -> None:
    ended = cli("swich")

    assert (ended.code, ended.out) == (2, "")
    assert "No such command 'swich'. Did you mean 'switch'?" in ended.err
    assert "Try 'turnout --help' for help" in ended.err


def test_an_unknown_option_is_a_usage_error(cli: Any) -> None:
    ended = cli("plugins", "--jsn")

    assert (ended.code, ended.out) == (2, "")
    assert "--jsn" in ended.err


def test_run_without_its_plugin_says_how_to_install_it(core_only: Any) -> None:
    ended = core_only("run", "describe", "photo.jpg")

    assert (ended.code, ended.out) == (2, "")
    assert re.search(r"No such command 'run'\. It comes with turnout-vision: .*pip install \S*vision\.", ended.err)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", ["health", "check", "plugins"])
def test_a_log_variable_that_an_app_would_refuse_is_refused(cli: Any, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_LOG", "jsn")
    wrong = cli(command)
    monkeypatch.setenv("TURNOUT_LOG", "json,info")
    right = cli("plugins")

    assert (wrong.code, wrong.out) == (2, "")
    assert "the environment variable TURNOUT_LOG says 'jsn'; known: text, json" in wrong.err
    assert right.code == 0


def test_the_core_alone_has_help_and_lists_no_plugin(core_only: Any) -> None:
    helped, listed = core_only("--help"), core_only("plugins", "--json")

    assert (helped.code, helped.err, "run " in helped.out) == (0, "", False)
    assert (listed.code, listed.err, listed.out.strip()) == (0, "", "[]")


def test_a_plugin_cannot_replace_a_command_of_turnout(tmp_path: Path) -> None:
    info = tmp_path / "turnout_thief-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: turnout-thief\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text("[turnout]\nthief = turnout_thief\n", "utf-8")
    hook = "@hookimpl\ndef turnout_commands():\n    yield click.Command('plugins', callback=lambda: print('stolen'))\n"
    (tmp_path / "turnout_thief.py").write_text(f"import click\nfrom turnout import hookimpl\n\n{hook}", "utf-8")
    command = [sys.executable, "-c", "from turnout.cli import main; main()", "plugins"]

    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)

    assert (done.returncode, "stolen" in done.stdout, "turnout-thief 1" in done.stdout) == (0, False, True)


def test_the_installed_script_runs(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("turnout")

    done = subprocess.run([str(script), "check"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.splitlines()[-1] == f"next: {script} init"
