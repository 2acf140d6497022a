"""The supervisor: no process or region of a server remains, whether the server, its starter or the supervisor ends first."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from turnout_triton.server import LocalServer, ServerOptions, supervisor
from turnout_triton.server.private_environment import default_folder

KILLS = int(os.environ.get("TRITON_TEST_KILLS", "5"))
"""The number of kills under load; 50 for the full test."""

# Starts a server, prints its pids and address, and waits.
STARTER = """
import sys, threading
from pathlib import Path
from turnout_triton.server import LocalServer, ServerOptions, supervisor
server = LocalServer(Path(sys.argv[1]), ServerOptions(grace_seconds=float(sys.argv[2])))
server.start()
print(server.pid, server._process._supervisor.pid, server.grpc_url, flush=True)
threading.Event().wait()
"""


def group_of(pid: int) -> list[int]:
    """Return the living processes of the group ``pid``: the server and its stubs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == pid and state != "Z":
                found.append(int(folder.name))
    return found


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text() == ""
    except OSError:
        return True


def regions_of(supervisor: int) -> list[str]:
    return [region.name for region in Path("/dev/shm").glob(f"turnout-triton-{supervisor}-*")]


def becomes_true(claim: Callable[[], bool], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while not claim() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return claim()


@contextlib.contextmanager
def load(url: str) -> Iterator[list[int]]:
    """Keep eight callers sending requests, also after errors; yield a list that grows with each response."""
    stop, answers = threading.Event(), []

    def send() -> None:
        given = InferInput("x", [1, 20_000], "FP32").set_data_from_numpy(np.ones((1, 20_000), np.float32))
        with InferenceServerClient(url) as client:
            while not stop.is_set():
                try:
                    client.infer("identity", [given], client_timeout=2)
                    answers.append(1)
                except InferenceServerException:
                    stop.wait(0.01)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_server_killed_under_load_leaves_no_process_and_no_region(own_server) -> None:
    server = own_server()
    left = []

    for number in range(KILLS):
        pid, supervisor = server.pid, server._process._supervisor.pid
        with load(server.grpc_url) as answers:
            assert becomes_true(lambda: len(answers) > 20)
            assert group_of(pid) != []
            assert regions_of(supervisor) != []
            server.kill()
        left += [*group_of(pid), *regions_of(supervisor)]
        if number < KILLS - 1:
            server.restart()

    assert left == []


def test_remaining_processes_and_regions_would_be_detected(own_server) -> None:
    server = own_server()
    pid, supervisor = server.pid, server._process._supervisor.pid

    os.kill(supervisor, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    assert becomes_true(lambda: pid not in group_of(pid))
    left = [*group_of(pid), *regions_of(supervisor)]
    os.kill(supervisor, signal.SIGCONT)

    assert len(left) > 1
    assert becomes_true(lambda: not server.running)
    assert [*group_of(pid), *regions_of(supervisor)] == []


@pytest.fixture
def started(small_repository) -> Iterator[Callable[..., tuple[subprocess.Popen, int, int, str]]]:
    """Return a function that starts a process that starts a server."""
    with contextlib.ExitStack() as stack:

        def start(grace_seconds: float = 0.0) -> tuple[subprocess.Popen, int, int, str]:
            command = [sys.executable, "-c", STARTER, str(small_repository), str(grace_seconds)]
            starter = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(starter.kill)
            pid, supervisor, url = starter.stdout.readline().split()
            return starter, int(pid), int(supervisor), url

        yield start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_the_server_ends_with_a_killed_starter(started, number) -> None:
    starter, pid, supervisor, url = started()

    with load(url) as answers:
        assert becomes_true(lambda: len(answers) > 20)
        starter.send_signal(number)
        starter.wait()

    assert becomes_true(lambda: group_of(pid) == [] and regions_of(supervisor) == [])


def test_the_server_ends_with_a_killed_supervisor_and_the_next_start_sweeps(own_server) -> None:
    server = own_server()
    pid, supervisor = server.pid, server._process._supervisor.pid

    os.kill(supervisor, signal.SIGKILL)

    assert becomes_true(lambda: not server.running)
    server.restart()
    assert group_of(pid) == []
    assert regions_of(supervisor) == []


def test_nothing_remains_if_starter_and_supervisor_are_killed_together(started, own_server) -> None:
    starter, pid, supervisor, _ = started()

    os.kill(starter.pid, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)

    assert becomes_true(lambda: has_ended(supervisor))
    own_server()
    assert becomes_true(lambda: group_of(pid) == [])
    assert regions_of(supervisor) == []


@pytest.mark.clock  # without the supervisor it takes 33 s
def test_a_killed_stub_does_not_delay_the_end_beyond_the_grace(small_repository) -> None:
    with LocalServer(small_repository, ServerOptions(grace_seconds=1.0)) as server:
        pid = server.pid
        for stub in set(group_of(pid)) - {pid}:
            os.kill(stub, signal.SIGKILL)
        begin = time.monotonic()

    assert time.monotonic() - begin < 8.0
    assert group_of(pid) == []


def test_a_forked_child_does_not_end_its_parents_server(own_server) -> None:
    server = own_server()
    child = os.fork()
    if child == 0:
        server.close()
        os._exit(0)

    os.waitpid(child, 0)

    assert server.running
    assert default_folder().is_dir()


MAPS = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    print("mapped", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def environments(tmp_path, monkeypatch) -> Path:
    """The folder in which servers make folders for Python environments."""
    made = tmp_path / "environments"
    made.mkdir()
    monkeypatch.setattr(supervisor, "_ENVIRONMENTS", made)
    monkeypatch.setattr(supervisor, "_BACKEND", f"{tmp_path.name}/backend.so")  # no server of this machine but the test's own
    monkeypatch.setattr(supervisor, "_CLOCK_SECONDS", 0.02)
    return made


@contextlib.contextmanager
def running_backend(tmp_path: Path) -> Iterator[None]:
    """A process with a python backend."""
    library = tmp_path / "backend.so"
    library.write_bytes(b"x" * 4096)
    command = [sys.executable, "-c", MAPS, str(library)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield
        process.stdin.close()


def test_the_folders_that_a_server_made_are_removed_and_others_stay(environments) -> None:
    (environments / "python_env_before").mkdir()  # a name of another program
    (environments / "python_env_older1").mkdir()
    (environments / "file").write_text("")
    time.sleep(0.1)
    since = time.time()
    (environments / "python_env_Newer1" / "bin").mkdir(parents=True)
    (environments / "python_env_linked").symlink_to(environments / "python_env_older1")

    supervisor._sweep_environments(since)

    assert sorted(path.name for path in environments.iterdir()) == [
        "file",
        "python_env_before",
        "python_env_linked",
        "python_env_older1",
    ]


def test_a_folder_that_a_running_server_may_have_made_stays_until_its_end(environments, tmp_path) -> None:
    since = time.time()
    with running_backend(tmp_path):
        time.sleep(0.1)
        (environments / "python_env_Newer1").mkdir()

        supervisor._sweep_environments(since)

        assert (environments / "python_env_Newer1").exists()
    supervisor._sweep_environments(since)
    assert not (environments / "python_env_Newer1").exists()


def test_a_running_server_that_is_younger_than_a_folder_has_not_made_it(environments, tmp_path) -> None:
    since = time.time()
    (environments / "python_env_Newer1").mkdir()
    time.sleep(0.2)
    with running_backend(tmp_path):
        supervisor._sweep_environments(since)

    assert not (environments / "python_env_Newer1").exists()
