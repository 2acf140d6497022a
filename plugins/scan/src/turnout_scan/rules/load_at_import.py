"""Models that are loaded while a module is imported."""

from __future__ import annotations

from collections.abc import Iterator

from turnout_scan.changes.loads import change_of_load
from turnout_scan.context.code_base import CodeBase
from turnout_scan.rules.finding import Finding, Rule


def _find(base: CodeBase) -> Iterator[Finding]:
    for load in base.loads:
        if load.family == "http_client":
            continue
        function = load.module.function(load.call)
        reached = base.at_import.get(function) if function is not None else None
        if base.is_at_import(load.call, load.module):
            what = f"{load.title}() runs when this module is imported"
        elif reached is not None:
            where = f"{reached.module.file.name}:{reached.module.place(reached.node).line}"
            what = f"{load.title}() runs when {reached.module.file.name} is imported, by the call at {where}"
        else:
            continue
        yield Finding(load.module, load.call, what, change_of_load(base, load))


RULE = Rule(
    "load-at-import",
    "medium",
    "Each process that imports the module waits for the model and holds it, tests and commands too; after a fork it can hang.",
    _find,
)
