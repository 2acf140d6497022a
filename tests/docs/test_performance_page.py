"""Every command that the page about performance names exists, with its options."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator

import click
import pytest
from tests.docs.test_code_blocks import ROOT

from turnout.cli.group import turnout

PAGE = ROOT / "docs/explanation/performance.md"
COMMAND = re.compile(r"`((?:python|make|turnout) [^`]+)`|^\$ ((?:python|make|turnout) .+)$", re.MULTILINE)


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a page, in code spans and in blocks."""
    for match in COMMAND.finditer(text):
        yield match[1] or match[2]


def problem(command: str) -> str:
    """Return the reason why ``command`` cannot be typed in this repository; an empty text if it can."""
    program, *words = shlex.split(command, comments=True)
    check = {"python": check_script, "make": check_target, "turnout": check_command}[program]
    return check(words)


def check_script(words: list[str]) -> str:
    script = ROOT / words[0]
    if not script.is_file():
        return f"no file {words[0]}"
    text = script.read_text("utf-8")
    return "".join(f"no option {word} " for word in words[1:] if word.startswith("--") and f'"{word}"' not in text)


def check_target(words: list[str]) -> str:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [word for word in words if "=" not in word]
    return "".join(f"no target {word} " for word in targets if not re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE))


def check_command(words: list[str]) -> str:
    found: click.Command = turnout
    while isinstance(found, click.Group):
        try:
            _, command, words = found.resolve_command(click.Context(found), words)
        except click.UsageError as error:
            return error.format_message()
        assert command is not None
        found = command
    options = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return "".join(f"no option {word} " for word in words if word.startswith("--") and word not in options)


@pytest.mark.parametrize("command", sorted(set(commands(PAGE.read_text("utf-8")))))
def test_each_command_on_the_page_exists(command: str) -> None:
    assert problem(command) == ""


def test_commands_that_do_not_exist_are_found() -> None:
    page = "`python benchmarks/gone.py` and `python benchmarks/soak.py --hours 2`\n$ make nothing\n$ turnout bench --speed 3\n"

    found = [problem(command) for command in commands(page)]

    assert found == ["no file benchmarks/gone.py", "no option --hours ", "no target nothing ", "no option --speed "]


def test_the_chart_is_drawn_from_the_figures_beside_it() -> None:
    spec = importlib.util.spec_from_file_location("chart", ROOT / "benchmarks/chart.py")
    assert spec is not None
    assert spec.loader is not None
    chart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chart)

    assert chart.CHART.read_text("utf-8") == chart.draw(json.loads(chart.FIGURES.read_text("utf-8"))["rates"])
