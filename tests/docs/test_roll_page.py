"""The page about versions as a reader types it: every file is written, every command is run, in order, on a real Triton."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.test_code_blocks import BLOCK, ROOT
from tests.docs.test_tutorial import Terminal, commands, type_and_read

pytest.importorskip("turnout_triton.server")

PAGE = ROOT / "docs" / "how-to" / "roll-a-models-version.md"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    for folder in ("examples", "model_repository"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def blocks() -> Iterator[tuple[dict[str, str], str]]:
    """Yield the flags and the text of each block of the page."""
    for match in BLOCK.finditer(PAGE.read_text()):
        flags = shlex.split(match["flags"])
        assert flags[:1] == ["tutorial"], f"a block of {PAGE.name} is not run: {match[0][:60]!r}"
        yield dict(flag.split("=", 1) for flag in flags[1:]), match["code"]


def test_every_command_of_the_page_prints_the_output_on_it(terminal: Terminal, tmp_path: Path) -> None:
    for flags, code in blocks():
        if "file" in flags:
            (tmp_path / "roll-app" / flags["file"]).write_text(code)
        else:
            type_and_read(terminal, code)

    # Forward and back again: no byte of the file has changed.
    [written] = [code for flags, code in blocks() if flags.get("file") == "turnout.yaml"]
    assert (tmp_path / "roll-app" / "turnout.yaml").read_text() == written


def test_the_page_has_every_command_of_a_roll() -> None:
    typed = " ".join(command for _, code in blocks() for command, _ in commands(code))

    needed = ("triton reload birefnet", "verify birefnet --version 2", "switch birefnet --version 2", "--dry-run", "--back")
    assert [command for command in needed if command not in typed] == []
