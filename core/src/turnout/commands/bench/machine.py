"""Facts about the machine and the packages of a run, for a comparison with another run."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points, version

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def describe_machine() -> dict[str, str | int]:
    """Return the system, the processor, the cores that this process may use, and Python's version."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.processor() or platform.machine(),
        "cores": cores,
        "python": platform.python_version(),
    }


def package_versions() -> dict[str, str]:
    """Return the versions of Turnout, its plugins, and the packages that these need, such as a runtime."""
    found: dict[str, str] = {}
    for owner in _distributions():
        found[owner.name] = owner.version
        for name in _required(owner):
            with suppress(PackageNotFoundError):
                found[name] = version(name)
    return dict(sorted(found.items()))


def _distributions() -> Iterator[Distribution]:
    with suppress(PackageNotFoundError):
        yield distribution("turnout")
    for entry in entry_points(group="turnout"):
        if entry.dist is not None:
            yield entry.dist


def _required(owner: Distribution) -> Iterator[str]:
    for requirement in owner.requires or ():
        name = _NAME.match(requirement)
        if name is not None and "extra ==" not in requirement:
            yield name[0]
