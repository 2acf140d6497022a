"""The orphans of dead supervisors are swept; regions and stubs in use are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnout_triton.server import orphans
from turnout_triton.server.orphans import PREFIX, sweep_orphans


@pytest.fixture
def memory(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(orphans, "SHARED_MEMORY", tmp_path)
    return tmp_path


@pytest.fixture
def supervisor(tmp_path_factory) -> int:
    """Return the pid of a process that looks like a supervisor."""
    program = tmp_path_factory.mktemp("program") / "supervisor.py"
    program.write_text("import sys; sys.stdin.read()")
    with subprocess.Popen([sys.executable, str(program)], stdin=subprocess.PIPE) as process:
        yield process.pid


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_regions_of_dead_supervisors_are_removed_and_others_stay(memory, supervisor) -> None:
    names = [f"{PREFIX}{supervisor}-used", f"{PREFIX}{dead_pid()}-left", f"{PREFIX}no-pid", "other"]
    for name in names:
        (memory / name).touch()

    sweep_orphans()

    assert {entry.name for entry in memory.iterdir()} == {names[0], names[2], names[3]}


def test_a_pid_that_another_process_reuses_is_no_supervisor(memory) -> None:
    region = memory / f"{PREFIX}{os.getpid()}-left"
    region.touch()

    sweep_orphans()

    assert not region.exists()


def test_a_stub_whose_supervisor_is_dead_is_killed(memory, supervisor, tmp_path_factory) -> None:
    stub = tmp_path_factory.mktemp("stub") / "triton_python_backend_stub"
    stub.symlink_to(sys.executable)
    wait = "import sys; sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE}
    with (
        subprocess.Popen([str(stub), "-c", wait, f"{PREFIX}{dead_pid()}-region"], **pipes) as orphan,
        subprocess.Popen([str(stub), "-c", wait, f"{PREFIX}{supervisor}-region"], **pipes) as used,
    ):
        sweep_orphans()
        code = orphan.wait(timeout=10)
        kept = used.poll()

    assert code == -9
    assert kept is None
