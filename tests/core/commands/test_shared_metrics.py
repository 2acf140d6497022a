"""The metrics of several processes, read by one that is none of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from turnout.commands.shared_metrics import answer_scrapes, read_metrics
from turnout.errors import ConfigurationError

WORKER = """
from turnout.metrics import Metrics
Metrics().requests("m", "b").answered.add(0.1)
"""
LINE = 'turnout_inference_requests_total{backend="b",model="m",outcome="ok"} 2.0'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", WORKER],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            check=True,
            timeout=60,
        )
    return tmp_path


def test_the_text_is_the_sum_of_all_processes(folder: Path) -> None:
    assert LINE in read_metrics(folder).splitlines()


def test_a_folder_that_does_not_exist_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"there is no folder '.*gone' with metrics of several processes; name the folder"
    ):
        read_metrics(tmp_path / "gone")


def test_an_empty_folder_has_no_text(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == ""


def test_scrapes_are_answered_in_the_block(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    with answer_scrapes(folder, "127.0.0.1", port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            assert LINE in answer.read().decode().splitlines()
        with (
            pytest.raises(ConfigurationError, match=rf"--port {port} cannot be opened on 127\.0\.0\.1: another process"),
            answer_scrapes(folder, "127.0.0.1", port),
        ):
            pass

    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)


def test_an_address_that_is_a_name_is_one_error(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="--address 'localhost' is no IP address"),
        answer_scrapes(tmp_path, "localhost", 1),
    ):
        pass
