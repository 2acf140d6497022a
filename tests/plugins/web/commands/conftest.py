"""Fixtures: a folder of its own with a real model, and the command line as a process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.plugins.web.demo_server import REPOSITORY

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with ``segmenter.onnx``, ``other.onnx`` and an empty folder."""
    for name in ("segmenter.onnx", "other.onnx"):
        shutil.copy(REPOSITORY / "model_repository/birefnet/1/model.onnx", tmp_path / name)
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Callable[..., Ended]:
    """Return a function that runs ``turnout serve`` in ``folder`` and ends it as soon as it is ready."""

    def run(*options: str, **variables: str) -> Ended:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "turnout"), "serve", *options],
            cwd=folder,
            env=environment | {"PYTHONUNBUFFERED": "1"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        killer = threading.Timer(_SECONDS, process.kill)
        killer.start()
        lines: list[str] = []
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            lines.append(line)
            if line.startswith("ready"):
                time.sleep(0.1)
                process.send_signal(signal.SIGTERM)
        out = process.stdout.read()
        code = process.wait(_SECONDS)
        killer.cancel()
        for stream in (process.stdout, process.stderr):
            stream.close()
        # A program that the shell does not find is named by its path.
        error = "".join(lines).replace(f"next: {Path(sys.executable).parent}/", "next: ")
        assert "Traceback" not in error
        return Ended(code, out, error)

    return run
