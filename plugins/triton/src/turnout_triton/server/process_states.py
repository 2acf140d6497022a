"""States of processes and threads, from Linux's /proc."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")
DEAD = "Z"
_STOPPED = ("T", "t", DEAD, "X", "")


def state_of(folder: Path) -> str:
    """Return the state of the process or thread with ``folder`` in /proc, a letter of proc(5); empty if it has ended."""
    try:
        stat = (folder / "stat").read_bytes()
    except OSError:
        return ""
    # Behind its name, which may hold anything.
    return stat.rpartition(b")")[2].split()[0].decode("ascii")


def is_stopped(pid: int) -> bool:
    """Return whether no thread of process ``pid`` can run."""
    return all(state_of(thread) in _STOPPED for thread in (PROC / str(pid) / "task").glob("*"))
