"""The pages about ``turnout scan`` show what it prints, and name its rules as they are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from turnout_scan.rules.all_rules import RULES

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/scan-your-app.md"
BLOCKS = re.findall(r"^```console no-run scan\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_command_of_the_page_prints_what_the_page_shows(block: str) -> None:
    line, _, shown = block.partition("\n")
    command, _, comment = line.removeprefix("$ ").partition("    # exit code ")
    turnout = Path(sys.executable).with_name("turnout")

    ran = subprocess.run(
        [turnout, *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )

    printed = ran.stdout + ran.stderr
    assert ran.returncode == int(comment or 0)
    if shown.endswith("...\n"):
        assert printed.startswith(shown.removesuffix("...\n"))
    else:
        assert printed == shown


def test_there_are_commands_on_the_page() -> None:
    assert len(BLOCKS) == 2


def test_the_reference_has_each_rule_as_it_is() -> None:
    text = (ROOT / "docs/reference/scan-rules.md").read_text("utf-8")
    found = re.findall(
        r"^## ([a-z-]+)\n\nSeverity: (\w+)\. (.+)\n\n- \*\*Finds\*\* .+\n- \*\*Does not find\*\* ", text, re.MULTILINE
    )

    assert found == [(rule.name, rule.severity, rule.why) for rule in RULES]


def test_the_readme_has_each_rule_as_it_is() -> None:
    text = (ROOT / "plugins/scan/README.md").read_text("utf-8")

    assert re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", text, re.MULTILINE) == [(rule.name, rule.severity) for rule in RULES]
