"""The pages for plugin authors as a reader types them: files are written, wheels built and installed in a new environment.

A block is a file (``file=``), Python to run in that environment, or commands with their output. A command that fails has its
exit code in a comment: ``# exit code 2``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.test_code_blocks import BLOCK, ROOT
from tests.docs.test_tutorial import Terminal, check, type_and_read

PAGES = ("write-a-backend.md", "write-a-step.md")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    # Without PYTHONPATH: the environment must find Turnout in its wheel, not in this checkout.
    opened.run(f"unset PYTHONPATH; export TURNOUT={shlex.quote(str(ROOT))}")
    yield opened
    opened.close()


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the language, the file's name and the text of each block."""
    for match in BLOCK.finditer(page.read_text("utf-8")):
        flag, *settings = shlex.split(match["flags"])
        assert flag == "plugin", f"a block of {page.name} is not run: {match[0][:60]!r}"
        yield match["language"], dict(setting.split("=", 1) for setting in settings).get("file", ""), match["code"]


@pytest.mark.parametrize("page", PAGES)
def test_a_reader_of_the_page_gets_a_plugin_that_works(page: str, terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / re.findall(r"^\$ cd (\S+)$", (ROOT / "docs/how-to" / page).read_text("utf-8"), re.MULTILINE)[0]

    for language, file, code in blocks(ROOT / "docs/how-to" / page):
        if file:
            (folder / file).write_text(code, "utf-8")
        elif language == "python":
            check(terminal, f"python - <<'END OF BLOCK'\n{code}END OF BLOCK", [])
        else:
            type_and_read(terminal, code)


def test_an_exit_code_or_an_output_that_the_page_does_not_show_is_caught(terminal: Terminal) -> None:
    with pytest.raises(AssertionError, match="true"):
        type_and_read(terminal, "$ true    # exit code 2\n")
    with pytest.raises(AssertionError, match="echo one"):
        type_and_read(terminal, "$ echo one\ntwo\n")
    type_and_read(terminal, "$ false    # exit code 1\n")
