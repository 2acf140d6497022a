"""What dead supervisors left is swept; what is in use is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnout_triton.server import regions
from turnout_triton.server.regions import PREFIX, sweep_dead


@pytest.fixture
def memory(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(regions, "SHARED_MEMORY", tmp_path)
    return tmp_path


@pytest.fixture
def supervisor(tmp_path_factory) -> int:
    """The pid of a process that looks like a supervisor."""
    program = tmp_path_factory.mktemp("program") / "supervisor.py"
    program.write_text("import sys; sys.stdin.read()")
    with subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE) as process:
        yield process.pid


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_regions_of_the_dead_go_and_those_of_the_living_stay(memory, supervisor) -> None:
    names = [f"{PREFIX}{supervisor}-used", f"{PREFIX}{dead_pid()}-left", f"{PREFIX}nobody", "other"]
    for name in names:
        (memory / name).touch()

    sweep_dead()

    assert {entry.name for entry in memory.iterdir()} == {names[0], names[2], names[3]}


def test_a_number_that_another_process_was_given_is_dead(memory) -> None:

    region = memory / f"{PREFIX}{os.getpid()}-left"
    region.touch()

    sweep_dead()

    assert not region.exists()


def test_a_stub_whose_supervisor_is_dead_is_ended(memory, supervisor, tmp_path_factory) -> None:
    stub = tmp_path_factory.mktemp("stub") / "triton_python_backend_stub"
    stub.symlink_to(sys.executable)
    wait = "import sys; sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE}
    with (
        subprocess.Popen([str(stub), "-c", wait, f"{PREFIX}{dead_pid()}-region"], **pipes) as orphan,
        subprocess.Popen([str(stub), "-c", wait, f"{PREFIX}{supervisor}-region"], **pipes) as used,
    ):
        sweep_dead()
        code = orphan.wait(timeout=10)
        kept = used.poll()

    assert code == -9
    assert kept is None
