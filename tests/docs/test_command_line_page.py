"""The page about the command line shows what is printed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
from tests.docs.test_code_blocks import BLOCK, ROOT
from tests.docs.test_help_examples import COMMANDS

PAGE = ROOT / "docs/how-to/use-the-command-line.md"
TURNOUT = Path(sys.executable).with_name("turnout")


def option_text(command: click.Command, option: str) -> str:
    return next((one.help or "" for one in command.params if isinstance(one, click.Option) and option in one.opts), "")


def test_the_error_on_the_page_is_printed(monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(TURNOUT.parent))
    [block] = [match["code"] for match in BLOCK.finditer(PAGE.read_text()) if match["language"] == "console"]
    line, _, shown = block.partition("\n")

    ran = subprocess.run([TURNOUT, *shlex.split(line)[2:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert (ran.returncode, ran.stdout) == (2, shown)


def test_each_line_for_a_shell_is_a_completion_script() -> None:
    lines = re.findall(r"_TURNOUT_COMPLETE=(\w+)_source turnout", PAGE.read_text())

    assert lines == ["bash", "zsh", "fish"]


def test_the_page_names_the_commands_that_write_json_lines() -> None:
    texts = {" ".join(path): option_text(command, "--json") for path, command in COMMANDS.items()}
    lines = {path for path, text in texts.items() if "JSON lines" in text}
    [paragraph] = [part for part in PAGE.read_text().split("\n\n") if part.startswith("With `--json`, stdout is")]

    named = set(re.findall(r"`turnout ([\w ]+)` writes JSON lines", paragraph))

    assert lines
    assert named == lines
