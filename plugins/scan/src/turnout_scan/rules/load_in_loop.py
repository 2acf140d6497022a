"""Sessions, models and clients that are opened again in each round of a loop."""

from __future__ import annotations

from collections.abc import Iterator

from turnout_scan.changes.loads import change_of_load
from turnout_scan.context.code_base import CodeBase
from turnout_scan.context.functions import is_cached, is_guarded
from turnout_scan.context.loops import depends_on_item, is_in_any_loop, loops_around
from turnout_scan.rules.finding import Finding, Rule
from turnout_scan.values.kinds import Load, TreeFunction


def _find(base: CodeBase) -> Iterator[Finding]:
    for load in base.loads:
        if is_guarded(load.module, load.call):
            continue
        if is_in_any_loop(load.call, load.module) and not _is_one_for_each(load):
            what = f"{load.title}() runs in each round of this loop, with the same arguments"
            yield Finding(load.module, load.call, what, change_of_load(base, load))
        elif (where := _caller_in_loop(base, load)) is not None:
            what = f"{load.title}() runs in each round of the loop at {where}"
            yield Finding(load.module, load.call, what, change_of_load(base, load))


def _is_one_for_each(load: Load) -> bool:
    """Return whether a loop loads a model of its own for each item."""
    return any(depends_on_item(load.call, loop) for loop in loops_around(load.call, load.module))


def _caller_in_loop(base: CodeBase, load: Load) -> str | None:
    """Return where a loop calls the function of the load with nothing that the load depends on."""
    function = load.module.function(load.call)
    if function is None or is_cached(function) or function.args.args or function.args.kwonlyargs:
        return None
    for site in base.evaluator.calls_of(TreeFunction(load.module, function)):
        if is_in_any_loop(site.call, site.module) and not site.handed_over:
            return f"{site.module.file.name}:{site.module.place(site.call).line}"
    return None


RULE = Rule("load-in-loop", "high", "The load takes longer than the work, and runs again for each item.", _find)
