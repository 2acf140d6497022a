"""The process group that listens on a port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from turnout_triton.server.listeners import group_listens

LISTENS = """
import socket, time
with socket.create_server((\"127.0.0.1\", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other() -> Iterator[tuple[int, int]]:
    """Return process group and port of a process that listens."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTENS], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process.pid, int(process.stdout.readline())
        process.kill()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_of_the_group_is_found(address) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listening:
        assert group_listens(os.getpgrp(), listening.getsockname()[1])


def test_a_port_of_another_group_is_not_ours(other) -> None:
    group, port = other

    assert group_listens(group, port)
    assert not group_listens(os.getpgrp(), port)


def test_a_child_of_the_group_counts(other) -> None:
    with subprocess.Popen([sys.executable, "-c", LISTENS], stdout=subprocess.PIPE, text=True) as child:
        port = int(child.stdout.readline())
        assert group_listens(os.getpgrp(), port)
        assert not group_listens(other[0], port)
        child.kill()


def test_a_port_that_is_only_bound_has_no_listener() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))

        assert not group_listens(os.getpgrp(), bound.getsockname()[1])
