"""Orphans of dead servers: python backend stubs and their shared memory regions.

The python backend has regions in /dev/shm. Their names begin with a prefix of ours that includes the pid of the server's
supervisor, so the regions of a dead supervisor can be distinguished from those in use. Without supervisor and
sweep, 20 ``kill -9`` of a server under load left 7 of 80 stubs with their regions (tritonserver core 2.51).
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # where the kernel keeps POSIX shared memory
PREFIX = "turnout-triton-"
_NAME = re.compile(rf"{PREFIX}(?P<pid>[0-9]+)-")


def sweep_orphans() -> None:
    """Kill the stubs and remove the regions whose supervisor is dead."""
    for pid, supervisor in _stubs():
        if not _is_supervisor(supervisor):
            _kill(pid)
    for region in SHARED_MEMORY.glob(f"{PREFIX}*"):
        found = _NAME.match(region.name)
        if found and not _is_supervisor(int(found["pid"])):
            region.unlink(missing_ok=True)


def _stubs() -> Iterator[tuple[int, int]]:
    """Yield the pid of each stub of ours with that of its supervisor."""
    for folder in Path("/proc").glob("[0-9]*"):
        arguments = _arguments(folder)
        supervisors = [found["pid"] for argument in arguments if (found := _NAME.match(argument.lstrip("/")))]
        if supervisors and "triton_python_backend_stub" in arguments[0]:
            yield int(folder.name), int(supervisors[0])


def _is_supervisor(pid: int) -> bool:
    """Return whether ``pid`` is a running supervisor: not a zombie, and not another process that got its number."""
    return any(argument.endswith("/supervisor.py") for argument in _arguments(Path("/proc") / str(pid)))


def _arguments(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
