"""The catalogue: the cases of every module in ``areas/``."""

from __future__ import annotations

import importlib
import zlib
from pathlib import Path

from tests.hostile.case import Trial

TENTH = 10


def every_case() -> list[Trial]:
    """Return all cases by name. An area is a module with ``cases()``, which yields them."""
    modules = sorted(path.stem for path in (Path(__file__).parent / "areas").glob("*.py") if path.stem != "__init__")
    found = [case for name in modules for case in importlib.import_module(f"tests.hostile.areas.{name}").cases()]
    names = [case.name for case in found]
    if len(set(names)) != len(names):
        raise ValueError(f"two cases have one name: {sorted({name for name in names if names.count(name) > 1})}")
    return sorted(found, key=lambda case: case.name)


def fast_tenth() -> list[Trial]:
    """Return a tenth of each area, the same cases each time, and at least one of each ``area/kind``; none that is ``slow``."""
    areas: dict[str, list[Trial]] = {}
    for case in every_case():
        if not getattr(case, "slow", False):  # only some trials have it
            areas.setdefault(case.name.split("/")[0], []).append(case)
    return [case for cases in areas.values() for case in _tenth_of(cases)]


def _tenth_of(cases: list[Trial]) -> list[Trial]:
    first = {case.name.rsplit("/", 1)[0]: case for case in reversed(cases)}
    chosen = list(first.values())
    others = sorted((case for case in cases if case not in chosen), key=lambda case: zlib.crc32(case.name.encode()) % TENTH)
    return chosen + others[: max(0, len(cases) // TENTH - len(chosen))]
