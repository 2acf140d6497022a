"""``turnout metrics``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

WORKER = 'from turnout.metrics import Metrics\nMetrics().requests("m", "b").answered.add(0.1)'

STEP = "name the folder that PROMETHEUS_MULTIPROC_DIR has where the workers run"
TURNOUT = str(Path(sys.executable).with_name("turnout"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "metrics"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-c", WORKER], env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}, check=True, timeout=60
    )
    return folder


def test_it_prints_what_the_processes_have_written(cli: Any, folder: Path) -> None:
    ended = cli("metrics", "--folder", str(folder))

    assert (ended.code, ended.err) == (0, "")
    assert 'turnout_inference_requests_total{backend="b",model="m",outcome="ok"} 1.0' in ended.out.splitlines()


def test_the_folder_is_that_of_the_variable(cli: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))

    assert "turnout_inference_requests_total" in cli("metrics").out


def test_no_folder_is_a_usage_error(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    ended = cli("metrics")

    assert ended.code == 2
    assert "No folder is named: give --folder, or set PROMETHEUS_MULTIPROC_DIR." in ended.err


def test_a_folder_that_does_not_exist_is_one_line_and_an_empty_one_a_warning(cli: Any, tmp_path: Path) -> None:
    gone = cli("metrics", "--folder", "gone")
    empty = cli("metrics", "--folder", str(tmp_path))

    assert gone.code == 2
    assert gone.err.splitlines() == [
        f"error: there is no folder 'gone' with metrics of several processes; {STEP}",
        f"next: {STEP}",
    ]
    assert (empty.code, empty.out) == (0, "")
    assert empty.err == f"warning: no process has written metrics to {tmp_path} yet\n"


def test_a_port_answers_scrapes_until_a_signal_ends_it(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["metrics", "--folder", str(folder), "--port", str(port)]

    process = subprocess.Popen([TURNOUT, *command], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        assert process.stderr.readline() == f"answering http://127.0.0.1:{port}/metrics; Ctrl-C stops it\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            assert b"turnout_inference_requests_total" in answer.read()
        taken = subprocess.run([TURNOUT, *command], capture_output=True, text=True, timeout=60, check=False)
        assert taken.returncode == 2
        assert taken.stderr.splitlines()[0] == (
            f"error: --port {port} cannot be opened on 127.0.0.1: another process listens there; "
            "give another --port or --address, or stop what listens there"
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read() == "stopped\n"
    finally:
        process.kill()
        process.wait()
        assert process.stderr
        process.stderr.close()
