"""The CPU time and the memory that this process uses."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

_KIB_UNLESS_MACOS = 1 if sys.platform == "darwin" else 1024


def cpu_seconds() -> float:
    """Return the CPU time of this process so far, of all its threads."""
    return time.process_time()


def resident_bytes() -> int:
    """Return the memory of this process that is resident; where the system does not say, the most that ever was."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB_UNLESS_MACOS
