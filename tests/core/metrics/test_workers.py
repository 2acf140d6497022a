"""The warning of a process whose scrape is not the whole app."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from turnout.forking import Forks
from turnout.metrics import Metrics
from turnout.metrics.workers import count_workers, is_worker

WARNING = "WARNING this scrape has the metrics of 1 of 2 processes of the app; name a folder in PROMETHEUS_MULTIPROC_DIR"
FORKS = """
    import logging, os, sys
    from turnout.metrics import Metrics
    logging.basicConfig(format="%(levelname)s %(message)s")
    metrics = Metrics()
    started, start = os.pipe()
    ended, end = os.pipe()
    children = []
    for _ in range({children}):
        pipe = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(started, 1)  # both are there
            for _ in range(3):
                metrics.render()
            os.write(pipe[1], b"x")
            os.read(ended, 1)
            os._exit(0)
        children.append((child, pipe[0]))
    os.write(start, b"x" * {children})
    for _, pipe in children:
        os.read(pipe, 1)
    metrics.render()
    os.write(end, b"x" * {children})
    for child, _ in children:
        os.waitpid(child, 0)
"""


def run(code: str, **environ: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr


def test_each_child_of_a_parent_that_had_the_metrics_warns_once() -> None:
    assert run(FORKS.format(children=2)).count(WARNING) == 2


def test_an_only_child_does_not_warn() -> None:
    assert run(FORKS.format(children=1)) == ""


def test_the_master_of_gunicorn_warns_too() -> None:
    log = run(FORKS.format(children=2), SERVER_SOFTWARE="gunicorn/27.0.1")

    assert log.count(WARNING) == 2
    assert log.count("1 of 3 processes") == 1


def test_processes_of_the_multi_process_mode_do_not_warn(tmp_path: object) -> None:
    assert run(FORKS.format(children=2), PROMETHEUS_MULTIPROC_DIR=str(tmp_path)) == ""


def test_a_process_that_no_server_started_is_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)

    assert not is_worker()
    assert count_workers(Forks.count) == 1
    Metrics().render()
    assert caplog.records == []
