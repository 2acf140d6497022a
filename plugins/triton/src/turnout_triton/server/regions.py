"""Shared memory regions and stubs of servers that are gone.

The python backend keeps regions in /dev/shm. Their names begin with a prefix of ours that carries the pid of the server's
supervisor, so what a killed supervisor left behind can be told from what is in use.
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


def sweep_dead() -> None:
    """End the stubs and remove the regions whose supervisor is dead."""
    for pid, owner in _stubs():
        if not _alive(owner):
            _kill(pid)
    for region in SHARED_MEMORY.glob(f"{PREFIX}*"):
        found = _NAME.match(region.name)
        if found and not _alive(int(found["pid"])):
            region.unlink(missing_ok=True)


def _stubs() -> Iterator[tuple[int, int]]:
    """Yield the pid of each stub of ours with that of its supervisor."""
    for folder in Path("/proc").glob("[0-9]*"):
        arguments = _arguments(folder)
        owners = [found["pid"] for argument in arguments if (found := _NAME.match(argument.lstrip("/")))]
        if owners and "triton_python_backend_stub" in arguments[0]:
            yield int(folder.name), int(owners[0])


def _alive(pid: int) -> bool:
    """Tell whether ``pid`` is a supervisor that runs: neither a zombie nor another process that was given the number."""
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
