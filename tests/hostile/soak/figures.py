"""What a process holds, sampled over its life, and the verdict whether that is flat."""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REGIONS = Path("/dev/shm")  # where Linux keeps POSIX shared memory objects
# Of a soak under load, in which each sample meets another moment; a leak of an hour is far above.
TOLERANCES = {"megabytes": 24.0, "threads": 4.0, "descriptors": 16.0, "regions": 16.0, "folders": 2.0, "children": 2.0}


@dataclass(frozen=True, slots=True)
class Figures:
    """One sample: resident memory, threads, descriptors, regions in /dev/shm, temporary files and child processes."""

    seconds: float
    megabytes: float
    threads: int
    descriptors: int
    regions: int
    folders: int
    children: int

    @classmethod
    def sample(cls, start: float) -> Figures:
        """Return the figures of this process now, ``start`` being a time of ``time.monotonic``."""
        return cls(
            time.monotonic() - start,
            int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6,
            threading.active_count(),
            _count(Path("/proc/self/fd")),
            _count(REGIONS, f"turnout-{os.getpid()}-*"),
            _count(Path(tempfile.gettempdir())),
            sum(_children(task) for task in Path("/proc/self/task").iterdir()),
        )

    def __str__(self) -> str:
        return (
            f"{self.seconds:6.0f} s  {self.megabytes:6.1f} MB  {self.threads:3} threads  {self.descriptors:4} descriptors  "
            f"{self.regions:3} regions  {self.folders:2} temporary files  {self.children} children"
        )


def _count(folder: Path, pattern: str = "*") -> int:
    return sum(1 for _ in folder.glob(pattern))


def _children(task: Path) -> int:
    try:
        return len((task / "children").read_text().split())
    except OSError:  # the thread has ended meanwhile
        return 0


def growths(samples: Sequence[Figures]) -> dict[str, tuple[float, float]]:
    """Return the medians of the second and of the last quarter by figure; the first quarter warms up."""
    quarter = len(samples) // 4
    parts = samples[quarter : 2 * quarter], samples[-quarter:]
    medians = [{name: statistics.median(getattr(one, name) for one in part) for name in TOLERANCES} for part in parts]
    return {name: (medians[0][name], medians[1][name]) for name in TOLERANCES}


def problems(samples: Sequence[Figures]) -> list[str]:
    """Return a sentence for each figure that has grown by more than its tolerance."""
    if len(samples) < 8:
        return [f"{len(samples)} samples are too few for a verdict"]
    return [
        f"{name} grew from {before:g} to {after:g}, by more than {TOLERANCES[name]:g}"
        for name, (before, after) in growths(samples).items()
        if after > before + TOLERANCES[name]
    ]
