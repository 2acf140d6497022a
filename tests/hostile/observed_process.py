"""Running a program to its end, with its output, processor time and largest memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

# A small Python between: a child inherits its parent's largest memory over exec, and the parent is a large test process.
_MEASURE = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], file)
"""


@dataclass(frozen=True, slots=True)
class Observed:
    """How a program ended. ``exit`` is negative after a signal and None if ``limit`` seconds did not suffice.

    ``seconds`` is processor time of the program and its children, ``waited`` is by the clock, and ``megabytes`` the largest
    resident memory of one of them.
    """

    exit: int | None
    seconds: float
    waited: float
    megabytes: float
    stdout: str
    stderr: str


def observe(command: list[str], work: Path, environment: dict[str, str], limit: float = 60.0) -> Observed:
    """Run ``command`` in ``work`` with an empty standard input, for at most ``limit`` seconds."""
    figures = work.parent / "figures.json"
    figures.unlink(missing_ok=True)
    measured = [sys.executable, "-I", "-S", "-c", _MEASURE, str(figures), *command]
    start = time.monotonic()
    process = subprocess.Popen(
        measured,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        stdout, stderr = process.communicate()
    code, seconds, megabytes = json.loads(figures.read_text()) if figures.exists() else (None, limit, 0.0)
    return Observed(code, seconds, time.monotonic() - start, megabytes, _text(stdout), _text(stderr))


def _kill_group(leader: int) -> None:

    os.killpg(leader, signal.SIGKILL)


def _text(output: bytes) -> str:
    # Bytes that are no text stay visible as lone surrogates: they are control characters to a check.
    return output.decode("utf-8", "surrogateescape")
