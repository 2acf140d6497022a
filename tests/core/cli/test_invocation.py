"""The command line as the user typed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.cli.invocation import Invocation, read_invocation


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (["check", "--config", "a.yaml"], "a.yaml"),
        (["check", "--config=a.yaml"], "a.yaml"),
        (["-c", "a.yaml", "check"], "a.yaml"),
        (["check", "-ca.yaml"], "a.yaml"),
        (["check", "--config"], None),
        (["check"], None),
        (["triton", "serve", "--", "turnout", "check", "-c", "a.yaml", "--json"], None),
    ],
)
def test_the_settings_file_is_read_from_any_form(arguments: list[str], config: str | None) -> None:
    line = read_invocation("turnout", arguments)

    assert (line.config, line.as_json) == (config, False)


def test_json_is_seen_also_where_the_rest_is_wrong() -> None:
    assert read_invocation("turnout", ["check", "--no-such-option", "--json"]).as_json


@pytest.mark.parametrize(
    ("step", "typed"),
    [
        ("turnout check", "turnout check --config a.yaml"),
        ("turnout check --config b.yaml", "turnout check --config b.yaml"),
        ("turnout plugins", "turnout plugins"),
        ("TRITON_URL=localhost:1 turnout check --deep", "TRITON_URL=localhost:1 turnout check --deep --config a.yaml"),
        ("pip install turnout", "pip install turnout"),
        ("edit line 5 of a.yaml", "edit line 5 of a.yaml"),
    ],
)
def test_a_suggested_command_repeats_the_settings_file(step: str, typed: str) -> None:
    assert Invocation(config="a.yaml").suggest(step) == typed


def test_a_program_that_the_shell_does_not_find_is_suggested_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "my venv" / "turnout"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    absent = read_invocation(str(program), []).suggest("turnout check")
    monkeypatch.setenv("PATH", str(program.parent))

    assert absent == f"'{program}' check"
    assert read_invocation(str(program), []).suggest("turnout check") == "turnout check"


def test_commands_about_a_model_inside_a_text_get_the_settings_file() -> None:
    line = Invocation(config="my a.yaml")
    text = "no config.pbtxt; write it: turnout export m --config-only; turnout verify compares; turnout export m2 --config-only"

    assert line.suggest_within(text, "m") == text.replace("export m ", "export m --config 'my a.yaml' ")
    assert Invocation().suggest_within(text, "m") == text
