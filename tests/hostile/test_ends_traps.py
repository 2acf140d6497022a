"""The detectors of the areas ``ends``, ``server_ends`` and ``served_code`` report programs that do what they look for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.hostile.areas import served_code
from tests.hostile.areas.ends import SignalTrial, StreamTrial
from tests.hostile.areas.server_ends import Ends, kill
from tests.hostile.case import Case
from tests.hostile.sandbox import Sandbox

from turnout_triton.server import LocalServer

IGNORES = "import pathlib, signal, time; signal.signal(15, signal.SIG_IGN); pathlib.Path('busy').touch(); time.sleep(2)"
LEAVES = """
import pathlib, signal, sys, time
def end(*_):
    print("interrupted", file=sys.stderr)
    sys.exit(143)
signal.signal(15, end)
pathlib.Path(".drawn.png.part").touch()
pathlib.Path("busy").touch()
time.sleep(30)
"""
RAISES = """
import pathlib, signal, sys, time
signal.signal(15, lambda *_: sys.exit("Traceback: KeyError"))
pathlib.Path("busy").touch()
time.sleep(30)
"""


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (IGNORES, "exit 0, not 143"),
        (LEAVES, ".drawn.png.part"),
        (RAISES, "stderr is not one line about the interruption"),
    ],
    ids=["ignores", "leaves", "raises"],
)
def test_a_command_that_does_not_end_as_it_must_is_reported(
    program: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sandbox, "turnout", lambda sandbox, *_: sandbox.python(program))

    found = SignalTrial("trap/signal", (), (signal.SIGTERM,), "", 143).problems(tmp_path)

    assert any(problem in sentence for sentence in found), found


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("echo Traceback >&2; exit 2", "Traceback in"),
        ("exit 2", "a result was lost without a word"),
        ("exit 5", "exit 5, not one of"),
        ("touch .o.jsonl.part", ".o.jsonl.part"),
    ],
)
def test_a_command_line_that_loses_its_streams_badly_is_reported(line: str, problem: str, tmp_path: Path) -> None:
    found = StreamTrial("trap/stream", line, (0, 2)).problems(tmp_path)

    assert any(problem in sentence for sentence in found), found


def test_descriptors_that_a_kill_loses_are_reported(tmp_path: Path) -> None:
    lost: list[int] = []

    def kill_and_lose(server: LocalServer) -> None:
        kill(server)
        lost.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(20))

    try:
        found = Ends("trap/kill", kill_and_lose, 1, "grpc_off").problems(tmp_path)
    finally:
        for descriptor in lost:
            os.close(descriptor)

    assert any(sentence.startswith("descriptors from") for sentence in found), found


def test_the_payload_of_a_served_model_runs_where_it_is_trusted(tmp_path: Path) -> None:
    files = {"config.pbtxt": served_code.PYTHON, "1/model.py": "CODE"}
    hostile = served_code.stranger("m", files, "--trust", "m")

    assert "foreign code ran" in Case("trap/served", hostile, served_code.good).problems(tmp_path)
