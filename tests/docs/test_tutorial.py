"""The tutorial as a reader types it: every file is written, every command is run, in order, in one shell, on a real Triton.

A block is a file (``file=``), lines to insert below a line of turnout.yaml (``below=``), or commands with their output: each
line of it must appear, in order; ``...`` matches any text. A command that ends in ``&`` runs until the page or the test stops
it.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.test_code_blocks import BLOCK, ROOT

pytest.importorskip("turnout_triton.server")

PAGE = ROOT / "docs" / "tutorial" / "move-one-model-to-triton-safely.md"
LIMIT_SECONDS = 120
EXIT_CODE = re.compile(r"# exit code (\d+)$")
COMMANDS = "switch record verify export status check init triton"


class Terminal:
    """A shell with job control, as a reader has; it records its output as lines. ``close`` stops it and its jobs."""

    def __init__(self, folder: Path) -> None:
        environment = {name: text for name, text in os.environ.items() if name not in ("TRITON_URL", "INFERENCE_BACKEND")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-m"],
            cwd=folder,
            env=environment | {"PATH": path, "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="terminal")
        self._reader.start()

    @property
    def position(self) -> int:
        """The number of lines so far."""
        return len(self._lines)

    def run(self, command: str) -> tuple[int, str]:
        """Return the exit code and the output of a command."""
        start = len(self._lines)
        self._type(f'{{ {command}\n}} < /dev/null\necho "[end $?]"')
        end = self.wait_for(r"\[end (\d+)\]$", start)
        return int(end[1]), "\n".join(self._lines[start : self._lines.index(end.string, start)])

    def wait_for(self, pattern: str, start: int = 0) -> re.Match[str]:
        """Wait for the first match in the lines from ``start`` on, and return it."""

        def found() -> re.Match[str] | None:
            return next((match for line in self._lines[start:] if (match := re.search(pattern, line))), None)

        with self._news:
            match = self._news.wait_for(found, LIMIT_SECONDS)
        assert match, f"no line matched {pattern!r}; the last lines: {self._lines[-20:]}"
        return match

    def close(self) -> None:
        self._type("kill $(jobs -p); wait; exit")
        try:
            self._shell.wait(30)
        except subprocess.TimeoutExpired:
            os.kill(self._shell.pid, signal.SIGKILL)
        self._reader.join(30)
        for pipe in (self._shell.stdin, self._shell.stdout):
            assert pipe is not None
            pipe.close()

    def _type(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{text}\n")
        self._shell.stdin.flush()

    def _read(self) -> None:
        assert self._shell.stdout is not None
        for line in self._shell.stdout:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def blocks() -> Iterator[tuple[dict[str, str], str]]:
    """Yield the flags and the text of each block of the page."""
    for match in BLOCK.finditer(PAGE.read_text()):
        flags = shlex.split(match["flags"])
        assert flags[:1] == ["tutorial"], f"a block of {PAGE.name} is not run: {match[0][:60]!r}"
        yield dict(flag.split("=", 1) for flag in flags[1:]), match["code"]


def commands(code: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command with the lines that are shown below it."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


def missing(shown: list[str], output: str) -> list[str]:
    """Return the lines that are not in the output in this order; several spaces count as one."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    patterns = {line: re.escape(" ".join(line.split())).replace(r"\.\.\.", ".*") for line in shown}
    return [line for line in shown if not any(re.fullmatch(patterns[line], given) for given in lines)]


def test_every_command_of_the_tutorial_prints_the_output_on_the_page(terminal: Terminal, tmp_path: Path) -> None:
    folder = tmp_path / "caption-app"

    for flags, code in blocks():
        if "file" in flags:
            (folder / flags["file"]).write_text(code)
        elif "below" in flags:
            insert(folder / "turnout.yaml", flags["below"], code)
        else:
            type_and_read(terminal, code)


def insert(file: Path, line: str, text: str) -> None:
    before, found, after = file.read_text().partition(f"{line}\n")
    assert found
    file.write_text(f"{before}{found}{text}{after}")


def type_and_read(terminal: Terminal, code: str) -> None:
    for command, shown in commands(code):
        check(terminal, command, shown)
        if command.endswith("&"):
            url = terminal.wait_for(r"^grpc +(\S+)$")[1]
            terminal.wait_for("^ready")
            assert terminal.run(f"export TRITON_URL={url}")[0] == 0


def check(terminal: Terminal, command: str, shown: list[str]) -> None:
    """Run a command; its exit code must be 0, or that of its comment ``# exit code 2``."""
    expected = EXIT_CODE.search(command)
    code, output = terminal.run(command)

    assert code == (int(expected[1]) if expected else 0), f"$ {command}\n{output}"
    assert not missing(shown, output), f"$ {command}\n{output}"


def test_the_page_has_every_command_of_a_move() -> None:
    typed = " ".join(command for _, code in blocks() for command, _ in commands(code))

    assert [name for name in COMMANDS.split() if f"turnout {name}" not in typed] == []


def test_a_missing_line_is_reported() -> None:
    output = "one  two\nthree 4 five\nlast"

    assert missing(["one two", "three ... five", "last"], output) == []
    assert missing(["one two", "three 5"], output) == ["three 5"]
    assert missing(["last", "one two"], output) == ["one two"]


def test_a_command_that_fails_or_prints_other_lines_is_caught(terminal: Terminal) -> None:
    with pytest.raises(AssertionError, match="false"):
        type_and_read(terminal, "$ false\n")
    with pytest.raises(AssertionError, match="echo one"):
        type_and_read(terminal, "$ echo one\ntwo\n")
    type_and_read(terminal, "$ echo one\none\n")
