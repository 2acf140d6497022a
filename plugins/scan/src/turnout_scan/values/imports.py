"""The values that imports bind."""

from __future__ import annotations

from turnout_scan.program.module import Module
from turnout_scan.values.asked import Asked
from turnout_scan.values.kinds import External, TreeModule, Value


def imported_value(asked: Asked, module: Module, name: str, attribute: str) -> Value | None:
    """Return what ``module`` gets by importing ``attribute``, or nothing of it, from the module ``name``."""
    found = asked.program.find(module, name)
    if not attribute:
        return TreeModule(found) if found is not None else External(name)
    if found is not None and found is not module:
        value = asked.member(found, attribute)
        if value is not None:
            return value
    inner = asked.program.find(module, f"{name}{'' if name.endswith('.') else '.'}{attribute}")
    if inner is not None:
        return TreeModule(inner)
    return External(f"{name}.{attribute}") if found is None and not name.startswith(".") else None
