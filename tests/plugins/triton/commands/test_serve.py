"""``turnout triton serve``, with a real server."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

# Sends a request to the server of its environment, and prints the response and the environment.
REQUEST = """
import os, sys, urllib.request
ready = urllib.request.urlopen(os.environ["TRITON_HTTP_URL"] + "/v2/models/identity/ready").status
print(ready, os.environ["INFERENCE_BACKEND"], os.environ["TRITON_URL"], os.environ["TRITON_METRICS_URL"])
sys.exit(int(sys.argv[1]))
"""


def listens(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def servers_of(repository: Path) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if arguments[0].endswith("/tritonserver") and f"--model-repository={repository}" in arguments:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("code", [0, 5])
def test_a_command_runs_with_the_server_and_its_exit_code_is_returned(turnout, small_repository, code) -> None:
    ran = turnout("serve", "--repository", small_repository, "--grace", 0, "--quiet", "--", sys.executable, "-c", REQUEST, code)

    (line,) = ran.stdout.splitlines()
    answer = line.split()
    assert ran.returncode == code, ran.stderr
    assert answer[:2] == ["200", "triton"]
    assert not listens(answer[2])
    assert servers_of(small_repository) == []


def test_a_folder_in_the_place_of_the_command_is_refused_with_what_to_type(turnout, small_repository) -> None:
    ran = turnout("serve", small_repository)

    assert ran.returncode == 2
    assert f"is a folder, not a command; to serve it: --repository {small_repository}" in ran.stderr


# Prints its pid, and ends with 7 when it is interrupted.
WAIT = """
import os, threading
try:
    print(os.getpid(), flush=True)
    threading.Event().wait()
except KeyboardInterrupt:
    os._exit(7)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 7)], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_command_and_the_server(running, small_repository, number, code) -> None:
    process = running("serve", "--repository", small_repository, "--grace", 0, "--quiet", "--", sys.executable, "-c", WAIT)
    command = int(process.stdout.readline())

    if number == signal.SIGINT:
        os.kill(command, number)  # a terminal signals both
    process.send_signal(number)
    _, log = process.communicate(timeout=30)

    assert process.returncode == code, log
    assert not Path(f"/proc/{command}").exists()
    assert servers_of(small_repository) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_serves_until_a_signal(running, small_repository, number) -> None:
    process = running("serve", "--repository", small_repository)
    lines = [process.stdout.readline().split() for _ in range(3)]

    text = urllib.request.urlopen(lines[2][1]).read().decode()
    process.send_signal(number)
    _, log = process.communicate(timeout=30)

    assert [line[0] for line in lines] == ["grpc", "http", "metrics"]
    assert "nv_inference_count" in text
    assert process.returncode == 0
    assert "successfully loaded 'identity'" in log
    assert re.search(r"next: TRITON_URL=127.0.0.1:\d+ INFERENCE_BACKEND=triton turnout check --deep", log)
    assert servers_of(small_repository) == []


def test_servers_that_start_at_once_have_distinct_ports(running, small_repository) -> None:
    starting = [running("serve", "--repository", small_repository, "--grace", 0, "--quiet") for _ in range(3)]
    lines = [[process.stdout.readline().split() for _ in range(3)] for process in starting]
    servers = servers_of(small_repository)
    for process in starting:
        process.send_signal(signal.SIGTERM)
    logs = [process.communicate(timeout=30)[1] for process in starting]

    assert len({line[1] for of_one in lines for line in of_one}) == 9
    assert len(servers) == 3
    assert [process.returncode for process in starting] == [0, 0, 0]
    assert sum("one of the ports 8000, 8001, 8002 is in use; using" in log for log in logs) >= 2


def test_a_server_that_dies_is_reported_with_its_last_lines(running, small_repository) -> None:
    process = running("serve", "--repository", small_repository, "--quiet")
    assert process.stdout.readline().startswith("grpc")

    os.kill(servers_of(small_repository)[0], signal.SIGKILL)
    _, log = process.communicate(timeout=30)

    assert process.returncode == 3
    assert re.search(r"^error: tritonserver ended with signal 9, .*its last lines: .*Started", log, re.MULTILINE)
    assert "\nnext: correct what its last lines name, then start it again\n" in log


@pytest.mark.clock  # the death must be detected within the second that the command still runs
def test_a_command_whose_server_dies_ends_with_3(turnout, small_repository, tmp_path) -> None:
    killer = tmp_path / "killer.sh"
    killer.write_text(f"kill -9 $(pgrep -f -- 'tritonserver --model-repository={small_repository} ') && sleep 1\n")

    ran = turnout("serve", "--repository", small_repository, "--quiet", "--", "sh", killer)

    assert ran.returncode == 3
    assert "error: tritonserver ended with signal 9" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--repository", "nowhere"], 2, "error: the model repository 'nowhere' does not exist"),
        (["--repository", "SMALL", "--model", "idenity"], 2, "Did you mean 'identity'?"),
        (["--repository", "SMALL", "--binary", "nothing"], 2, "error: --binary 'nothing' does not exist"),
        (["--repository", "SMALL", "--host", "0.0.0.0"], 2, "stays on loopback"),
        (["--repository", "SMALL", "--grpc-port", "70000"], 2, "70000 is not in the range"),
        (
            ["--repository", "SMALL", "--grace", "0", "--", "no-such-program"],
            2,
            "error: the command 'no-such-program' cannot be run",
        ),
        (["--repository", "SMALL", "--binary", "/bin/false"], 3, "error: tritonserver ended with exit code 1"),
    ],
    ids=["repository", "model", "binary", "host", "port", "command", "false"],
)
def test_a_wrong_argument_is_one_error(turnout, small_repository, arguments, code, text) -> None:
    ran = turnout("serve", *(str(small_repository) if argument == "SMALL" else argument for argument in arguments))

    assert ran.returncode == code
    assert text in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_a_port_in_use_is_reported_at_once(turnout, small_repository) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = turnout("serve", "--repository", small_repository, "--http-port", port)

    assert ran.returncode == 2
    assert f"the http port {port}" in ran.stderr
