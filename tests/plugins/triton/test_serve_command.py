"""The command that starts the server that a model looks for."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from turnout_triton.options import TritonOptions
from turnout_triton.plugin import turnout_backends


def command(url: str, repository: str = "") -> str:
    (backend,) = turnout_backends()
    return backend.server_command(TritonOptions.model_validate({"url": url}), repository)


@pytest.mark.parametrize(
    ("url", "repository", "expected"),
    [
        ("localhost:8001", "", "turnout triton serve"),
        ("http://127.0.0.1:8000", "", "turnout triton serve"),
        ("localhost:8001", "my models", "turnout triton serve --repository 'my models'"),
        ("[::1]:9101", "", "turnout triton serve --grpc-port 9101"),
        ("http://localhost:9100", "other", "turnout triton serve --repository other --http-port 9100"),
    ],
)
def test_the_server_starts_where_the_model_looks_for_it(url: str, repository: str, expected: str) -> None:
    assert command(url, repository) == expected


@pytest.mark.parametrize("url", ["models.example.com:8001", "http://localhost:8000/triton", "https://localhost", "not a url"])
def test_a_server_elsewhere_has_no_command_here(url: str) -> None:
    assert command(url) == ""


def test_the_command_starts_a_server_that_answers_there(small_repository: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    turnout, *words = command(f"127.0.0.1:{port}", str(small_repository)).split()
    probe = "import os; print(os.environ['TRITON_URL'])"

    ended = subprocess.run(
        [Path(sys.executable).with_name(turnout), *words, "--quiet", "--", sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert ended.stdout.strip().rpartition(":")[2] == str(port)
