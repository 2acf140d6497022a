"""The private environment: made once, whole, whoever else wants it at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout.errors import MissingDependencyError
from turnout_triton.server import environment as room
from turnout_triton.server.environment import PrivateEnvironment, default_folder

ENSURE = """
import sys
from pathlib import Path
from turnout_triton.server.environment import PrivateEnvironment
PrivateEnvironment(Path(sys.argv[1]), lambda line: print(line, flush=True)).ensure([])
"""


def becomes_true(claim: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not claim() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return claim()


def ensure(folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", ENSURE, str(folder)], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def index_is_unreachable(monkeypatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull if name == "PIP_CONFIG_FILE" else "")


def test_a_killed_making_is_made_again_once_by_two_at_once(tmp_path) -> None:
    folder = tmp_path / "triton"
    with ensure(folder) as killed:
        killed.stdout.readline()
        assert becomes_true((tmp_path / "triton.making" / "bin" / "python").exists)
        killed.kill()
    assert not folder.exists()

    with ensure(folder) as one, ensure(folder) as other:
        said = [*one.stdout, *other.stdout]

    assert [one.returncode, other.returncode] == [0, 0]
    assert len([line for line in said if line.startswith("installing tritonserver 2.51")]) == 1
    assert "55 MB to fetch, 250 MB on disk" in said[0]
    assert (PrivateEnvironment(folder, print).site_packages / "pytriton" / "tritonserver" / "bin" / "tritonserver").is_file()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["triton", "triton.lock"]


def test_what_pip_cannot_fetch_is_said_and_nothing_is_left(tmp_path, index_is_unreachable) -> None:
    folder = tmp_path / "triton"

    with pytest.raises(MissingDependencyError, match=r"installing nvidia-pytriton failed with exit code 1: ERROR: .*--binary"):
        PrivateEnvironment(folder, print).ensure([])

    assert not folder.exists()


def test_an_environment_that_has_everything_asks_nobody(server, index_is_unreachable) -> None:
    PrivateEnvironment(default_folder(), print).ensure(["onnxruntime"])


@pytest.mark.parametrize("version", [(3, 13), (3, 10)])
def test_a_python_that_numpy_1_has_no_wheel_for_is_refused(tmp_path, monkeypatch, version) -> None:
    monkeypatch.setattr(room, "_PYTHONS", (version,))

    with pytest.raises(MissingDependencyError, match=r"use Python 3\.11 or 3.12, or give --binary"):
        PrivateEnvironment(tmp_path / "triton", print).ensure([])


def test_the_folder_is_the_variables_else_in_the_cache(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TURNOUT_TRITON_ENVIRONMENT", str(tmp_path / "mine"))
    named = default_folder()
    monkeypatch.delenv("TURNOUT_TRITON_ENVIRONMENT")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert named == tmp_path / "mine"
    assert default_folder().parent == tmp_path / "turnout"


def test_a_second_thread_waits_for_the_lock(tmp_path) -> None:
    environment, order, inside = PrivateEnvironment(tmp_path / "triton", print), [], threading.Event()

    def second() -> None:
        inside.wait()
        with environment.locked():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with environment.locked():
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
