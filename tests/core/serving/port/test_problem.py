from __future__ import annotations

import errno
import os

import pytest

from turnout.serving.port.problem import port_problem


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EADDRINUSE, "another process listens there"),
        (errno.EADDRNOTAVAIL, "this machine has no such address"),
        (errno.EACCES, "this user may not open it, as ports below 1024 belong to root"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_the_message_has_the_reason_and_the_step(number: int, reason: str) -> None:
    error = OSError(number, os.strerror(number))

    assert port_problem("--port", "127.0.0.1", 80, error, "stop") == f"--port 80 cannot be opened on 127.0.0.1: {reason}; stop"
