"""Models and clients that are loaded for each request."""

from __future__ import annotations

from collections.abc import Iterator

from turnout_scan.changes.loads import change_of_load
from turnout_scan.context.code_base import CodeBase
from turnout_scan.context.functions import is_guarded
from turnout_scan.rules.finding import Finding, Rule


def _find(base: CodeBase) -> Iterator[Finding]:
    for load in base.loads:
        function = load.module.function(load.call)
        reached = base.for_requests.get(function) if function is not None else None
        if reached is None or is_guarded(load.module, load.call):
            continue
        where = f"{reached.module.file.name}:{reached.module.place(reached.node).line}"
        what = f"{load.title}() runs for each call of {reached.title}, {where}"
        yield Finding(load.module, load.call, what, change_of_load(base, load))


RULE = Rule(
    "load-in-handler",
    "high",
    "Every request pays for the load, and requests at once hold a copy each.",
    _find,
)
