"""The processes that listen on a port of this machine, from Linux's /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTENS = "0A"  # the state of a listening socket in /proc/net/tcp


def group_listens(group: int, port: int) -> bool:
    """Return whether a process of the process group ``group`` listens on ``port``.

    Also True if the process belongs to another user: the kernel hides its sockets.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return bool(sockets) and any(_has_one_of(sockets, process) for process in _members(group))


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _members(group: int) -> Iterator[Path]:
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(folder.name)) == group:
                yield folder


def _has_one_of(sockets: set[str], process: Path) -> bool:
    try:
        descriptors = list((process / "fd").iterdir())
    except FileNotFoundError:  # it has just ended
        return False
    except OSError:
        return True
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) in sockets:
                return True
    return False
