"""Processes that answer side by side, such as the workers of gunicorn and uvicorn, as far as one of them can see."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from turnout.forking import Forks

_GUNICORN = "SERVER_SOFTWARE"
"""gunicorn sets it, in its master and in its workers."""
_SPAWNED = b"--multiprocessing-fork"

logger = logging.getLogger(__name__)

_warned: set[int] = set()


def is_worker() -> bool:
    """Return whether a server of several processes started this one: gunicorn, its master included, or uvicorn."""
    return _under_gunicorn() or _under_uvicorn()


def count_workers(forks_before: int) -> int:
    """Return how many processes answer side by side, this one included; 1 where that cannot be seen.

    Args:
        forks_before: ``Forks.count`` when the metrics were created: a process that was forked since then is a worker too.
    """
    if not is_worker() and Forks.count == forks_before:
        return 1
    # The master of gunicorn is the parent, its workers are siblings.
    return max(_count_alike(os.getppid()), 1 + _count_alike(os.getpid()))


def warn_of_other_workers(forks_before: int) -> None:
    """Log a warning, once in a process, if the scrape of this process is one of several of the app."""
    if os.getpid() in _warned or (count := count_workers(forks_before)) == 1:
        return
    # A forked child has the set of its parent, and a number of its own.
    _warned.add(os.getpid())
    logger.warning(
        "this scrape has the metrics of 1 of %s processes of the app; name a folder in PROMETHEUS_MULTIPROC_DIR before they "
        "start, and each scrape has the sum of all",
        count,
    )


def _under_gunicorn() -> bool:
    return os.environ.get(_GUNICORN, "").startswith("gunicorn/")


def _under_uvicorn() -> bool:
    return "uvicorn" in sys.modules and multiprocessing.parent_process() is not None


def _count_alike(parent: int) -> int:
    """Return how many children of ``parent`` have the command line of this process, or were spawned as it was."""
    own = _command_line(os.getpid())
    lines = [_command_line(pid) for pid in _children(parent)]
    return sum(1 for line in lines if line and (line == own or (_SPAWNED in line and _SPAWNED in own)))


def _children(parent: int) -> Iterator[int]:
    for file in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, file.read_bytes().split())


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
