"""Children forked while calls are in flight: right outputs over HTTP, a clear error over gRPC; the parent loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.plugins.triton.client.urls import url_of

FORKS = int(os.environ.get("TRITON_TEST_FORKS", "8"))
EXPECTED = (
    "skipping fork() handlers",  # a notice that gRPC prints in the parent
    "model 'identity' on backend 'triton' fails after it has answered",  # once in each child that is refused
)
PROGRAM = Path(__file__).with_name("forking.py")


@pytest.mark.parametrize("ending", ["exit", "sys.exit", "multiprocessing"])
def test_children_answer_or_say_why_not_and_the_parent_goes_on(server, protocol, memory, ending) -> None:
    threshold = str(memory.get("shared_memory_threshold_bytes", -1))
    arguments = [url_of(server, protocol), threshold, ending, str(FORKS)]

    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(PROGRAM), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20 + 3 * FORKS, check=False)

    assert ended.stdout.splitlines()[-1:] == [f"{FORKS} children, 0 wrong"], ended.stdout + ended.stderr
    assert ended.returncode == 0
    assert [line for line in ended.stderr.splitlines() if not any(text in line for text in EXPECTED)] == []
