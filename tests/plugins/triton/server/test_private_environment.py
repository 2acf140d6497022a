"""The private environment: created once and completely, also by several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from turnout.errors import ConfigurationError, MissingDependencyError
from turnout_triton.server import private_environment
from turnout_triton.server.private_environment import PrivateEnvironment, default_folder

ENSURE = """
import sys
from pathlib import Path
from turnout_triton.server.private_environment import PrivateEnvironment
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


def test_after_a_killed_installation_two_processes_install_once(tmp_path) -> None:
    folder = tmp_path / "triton"
    with ensure(folder) as killed:
        killed.stdout.readline()
        assert becomes_true((tmp_path / "triton.making" / "bin" / "python").exists)
        killed.kill()
    assert not folder.exists()

    with ensure(folder) as one, ensure(folder) as other:
        lines = [*one.stdout, *other.stdout]

    assert [one.returncode, other.returncode] == [0, 0]
    assert len([line for line in lines if line.startswith("installing tritonserver 2.51")]) == 1
    assert "55 MB to download, 250 MB on disk" in lines[0]
    assert (PrivateEnvironment(folder, print).site_packages / "pytriton" / "tritonserver" / "bin" / "tritonserver").is_file()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["triton", "triton.lock"]


def test_a_failure_of_pip_is_reported_and_nothing_is_installed(tmp_path, index_is_unreachable) -> None:
    folder = tmp_path / "triton"

    with pytest.raises(MissingDependencyError, match=r"installing nvidia-pytriton failed with exit code 1: ERROR: .*--binary"):
        PrivateEnvironment(folder, print).ensure([])

    assert not folder.exists()


def test_a_complete_environment_needs_no_index(server, index_is_unreachable) -> None:
    PrivateEnvironment(default_folder(), print).ensure(["onnxruntime"])


@pytest.mark.parametrize("version", [(3, 13), (3, 10)])
def test_a_python_without_a_wheel_of_numpy_1_is_refused(tmp_path, monkeypatch, version) -> None:
    monkeypatch.setattr(private_environment, "_PYTHONS", (version,))

    with pytest.raises(MissingDependencyError, match=r"use Python 3\.11 or 3.12, or give --binary"):
        PrivateEnvironment(tmp_path / "triton", print).ensure([])


def test_the_folder_is_that_of_the_variable_or_in_the_cache(monkeypatch, tmp_path) -> None:
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
        with environment.lock():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with environment.lock():
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_an_environment_is_created_at_any_path(tmp_path) -> None:
    folder = tmp_path / "a: $b" / 'größe "c\nd'

    PrivateEnvironment(folder, print).ensure([])

    assert (PrivateEnvironment(folder, print).site_packages / "pytriton" / "tritonserver" / "bin" / "tritonserver").is_file()
    assert sorted(entry.name for entry in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]


@pytest.mark.parametrize("suffix", ["", ".making"])
@pytest.mark.parametrize("names", [["bin", "lib", "pyvenv.cfg"], ["bin", "share"], ["turnout"], ["notes.txt"]])
def test_a_folder_that_was_not_made_here_is_not_replaced(tmp_path, index_is_unreachable, names, suffix) -> None:
    folder = tmp_path / f"triton{suffix}"
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "mine").write_text("x")

    with pytest.raises(ConfigurationError, match="is no private environment of turnout triton, which would replace it"):
        PrivateEnvironment(tmp_path / "triton", print).ensure([])

    assert [(folder / name / "mine").read_text() for name in names] == ["x"] * len(names)


def test_links_in_place_of_the_environment_are_not_followed(tmp_path, index_is_unreachable) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine").write_text("x")
    (tmp_path / "triton").symlink_to("outside")

    with pytest.raises(ConfigurationError, match="is no private environment"):
        PrivateEnvironment(tmp_path / "triton", print).ensure([])

    assert (tmp_path / "outside" / "mine").read_text() == "x"


def test_a_file_with_the_name_of_the_lock_keeps_its_content(tmp_path, index_is_unreachable) -> None:
    (tmp_path / "poetry.lock").write_text("pins of the user's")

    with pytest.raises(MissingDependencyError):
        PrivateEnvironment(tmp_path / "poetry", print).ensure([])

    assert (tmp_path / "poetry.lock").read_text() == "pins of the user's"


@pytest.mark.parametrize("mark", ["environment", "nvidia-pytriton==0.6.0_numpy==1.26.4"])
def test_an_environment_of_another_turnout_is_replaced(tmp_path, mark) -> None:
    folder = tmp_path / "triton"
    for name in ("bin", "turnout"):
        (folder / name).mkdir(parents=True)
    (folder / "turnout" / mark).touch()
    (folder / "bin" / "old").touch()

    PrivateEnvironment(folder, print).ensure([])

    assert not (folder / "bin" / "old").exists()
