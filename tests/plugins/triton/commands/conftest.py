"""The command ``turnout triton`` in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TURNOUT = str(Path(sys.executable).with_name("turnout"))


@pytest.fixture
def turnout(tmp_path, monkeypatch) -> Callable[..., subprocess.CompletedProcess]:
    """Return a function that runs ``turnout triton ARGUMENTS`` to its end."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        command = [TURNOUT, "triton", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)

    return run


@pytest.fixture
def running() -> Iterator[Callable[..., subprocess.Popen]]:
    """Return a function that starts ``turnout triton ARGUMENTS``; the process is killed after the test."""
    with contextlib.ExitStack() as stack:
        # A child inherits an ignored SIGINT, such as that of tests in the background of a shell script.
        stack.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))

        def start(*arguments: object) -> subprocess.Popen:
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = stack.enter_context(subprocess.Popen([TURNOUT, "triton", *map(str, arguments)], text=True, **pipes))
            stack.callback(process.kill)
            return process

        yield start
