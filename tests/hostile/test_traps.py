"""Each detector of a case reports a program that does what it looks for."""

from __future__ import annotations

import pytest
from tests.hostile.areas.checkpoint_code import weights_of_a_pickle
from tests.hostile.case import Case, Prepare
from tests.hostile.sandbox import Sandbox

REFUSES = "import sys; print('error: refused', file=sys.stderr); sys.exit(2)"

COMMAND = """
import os, sys
sys.argv[1:] = ["plugins"]
from turnout.cli import group, main
run, group._run = group._run, lambda *given: (os.write(2, b"x" + bytes([27]) + b"[2J"), run(*given))[1]
main()
"""


def _program(text: str) -> Prepare:
    return lambda sandbox: sandbox.python(text, str(sandbox.outside))


def _good(sandbox: Sandbox) -> list[str]:
    return sandbox.python("pass")


def _fails(sandbox: Sandbox) -> list[str]:
    # The first run has the figures of a good input, which are kept; it fails in the sandbox after the hostile one.
    return sandbox.python(f"import sys; sys.exit({int((sandbox.folder.parent.parent / 'hostile').exists())})")


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import sys; open(sys.argv[1] + '/executed', 'w')", "foreign code ran"),
        ("import sys; open(sys.argv[1] + '/new', 'w')", "changed outside its folder: outside/new"),
        ("import os, sys; os.remove(sys.argv[1] + '/victim.txt')", "changed outside its folder: outside/victim.txt"),
        ("open('../planted', 'w')", "changed outside its folder: planted"),
        ("import os; os.mkdir('../outside/folder')", "changed outside its folder: outside/folder"),
        ("import pathlib; (pathlib.Path.home() / '.bashrc').touch()", "changed outside its folder: home/.bashrc"),
        ("import os; os.symlink('/', 'link')", "changed in its folder: link"),
        ("raise KeyError('raw')", "a traceback on stderr"),
        ("print(chr(27) + '[2J')", "control characters on stdout"),
        ("import sys; sys.stderr.buffer.write(bytes([255]))", "control characters on stderr"),
        ("print(chr(0x202E) + 'gnp.exe')", "control characters on stdout"),
        ("import os; os.write(2, b'\x1b[2J of a C library')", "control characters on stderr"),
        ("print('x' * 3000)", "a line of 3000 characters on stdout"),
        ("print('x\\n' * 20000)", "40001 characters on stdout"),
        ("import time\nwhile time.process_time() < 1.5: pass", "s of processor time"),
        ("import time; time.sleep(12)", "s by the clock"),
        ("data = b'x' * 300_000_000", "MB; a good input"),
        ("import sys; sys.exit(2)", "exit 2 without a message"),
        ("import os; os.abort()", "exit -6, not one of [1, 2, 3]"),
        ("pass", "exit 0, not one of [1, 2, 3]"),
    ],
)
def test_each_detector_sees_what_it_looks_for(program, problem, tmp_path) -> None:
    found = Case("trap/program/member", _program(program), _good).problems(tmp_path)

    assert any(problem in sentence for sentence in found), found


def test_code_that_a_payload_runs_is_seen(tmp_path) -> None:
    opens = "import torch; torch.load('net/pytorch_model.bin', weights_only=False)"

    def hostile(sandbox: Sandbox) -> list[str]:
        weights_of_a_pickle(sandbox)
        return sandbox.python(opens)

    assert "foreign code ran" in Case("trap/program/opens_a_pickle", hostile, _good).problems(tmp_path)


def test_a_refusal_is_no_problem(tmp_path) -> None:
    assert Case("trap/program/refuses", _program(REFUSES), _good).problems(tmp_path) == []


def test_a_file_that_the_command_may_write_is_no_problem(tmp_path) -> None:
    program = f"open('out.jsonl', 'w'); {REFUSES}"

    assert Case("trap/program/writes", _program(program), _good, changes=("out.*",)).problems(tmp_path) == []


def test_a_good_input_that_fails_afterwards_is_a_problem(tmp_path) -> None:
    found = Case("trap/program/breaks", _program(REFUSES), _fails).problems(tmp_path)

    assert found == ["a good input, afterwards: exit 1: ''"]


def test_a_line_of_a_c_library_is_found_if_nothing_makes_it_safe(tmp_path) -> None:
    sabotage = "from turnout.cli.library_lines import LibraryLines\nLibraryLines.start = lambda: None\n"
    programs = {"whole": COMMAND, "sabotaged": sabotage + COMMAND}

    found = {
        name: Case(f"trap/library/{name}", _program(text), _good).problems(tmp_path / name) for name, text in programs.items()
    }

    assert not any("control characters" in sentence for sentence in found["whole"])
    assert any("control characters on stderr" in sentence for sentence in found["sabotaged"])
