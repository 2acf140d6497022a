"""Loops that send one box after another through a model."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from turnout_scan.changes.change import Change
from turnout_scan.changes.names import model_name
from turnout_scan.changes.settings import settings_for
from turnout_scan.context.code_base import CodeBase, Run
from turnout_scan.context.loops import ItemLoop, depends_on_item, is_in_batches, loops_around
from turnout_scan.program.module import Module
from turnout_scan.rules.finding import Finding, Rule
from turnout_scan.values.call_sites import last_name
from turnout_scan.values.kinds import External, TreeFunction

_FARTHEST = 3


def _find(base: CodeBase) -> Iterator[Finding]:
    seen, ways = set[tuple[ast.AST, ast.AST]](), dict[ast.AST | None, list[tuple[Module, ast.Call]]]()
    for run in base.runs:
        function = run.module.function(run.call)
        if function not in ways:
            ways[function] = list(_ways(base, run))[1:]
        for module, call in ((run.module, run.call), *ways[function]):
            loop = _item_loop(module, call)
            if loop is not None and (loop.node, run.load.call) not in seen:
                seen.add((loop.node, run.load.call))
                yield Finding(module, call, _what(run, module, call, loop), _change(base, run))
        yield from _mapped(base, run, seen)


def _item_loop(module: Module, call: ast.Call) -> ItemLoop | None:
    return next((one for one in loops_around(call, module) if not is_in_batches(one) and depends_on_item(call, one)), None)


def _ways(base: CodeBase, run: Run) -> Iterator[tuple[Module, ast.Call]]:
    """Yield the run, the calls of the function that has it, and those of their functions."""
    waiting, seen = [(run.module, run.call, 0)], set[ast.AST]()
    while waiting:
        module, call, distance = waiting.pop(0)
        yield module, call
        function = module.function(call)
        if function is None or function in seen or distance >= _FARTHEST:
            continue
        seen.add(function)
        sites = (one for one in base.evaluator.calls_of(TreeFunction(module, function)) if not one.handed_over)
        waiting += [(one.module, one.call, distance + 1) for one in sites]


def _mapped(base: CodeBase, run: Run, seen: set[tuple[ast.AST, ast.AST]]) -> Iterator[Finding]:
    """Yield ``map(caption, crops)``, which is a loop."""
    function = run.module.function(run.call)
    for site in base.evaluator.sites.of("map"):
        value = base.value(site.function, site.module)
        first = base.value(site.arguments[0], site.module) if len(site.arguments) == 2 else None
        is_map = isinstance(value, External) and value.name == "map"
        if is_map and isinstance(first, TreeFunction) and first.node is function and (site.call, run.load.call) not in seen:
            seen.add((site.call, run.load.call))
            what = f"map() runs {run.load.title}() once for each item of {_short(site.arguments[1])}, one after another"
            yield Finding(site.module, site.call, what, _change(base, run))


def _what(run: Run, module: Module, call: ast.Call, loop: ItemLoop) -> str:
    through = "" if call is run.call else f", through {last_name(call.func)}()"
    line = module.place(loop.items).line
    return f"{run.load.title}() runs once for each item of {_short(loop.items)} (line {line}){through}, one after another"


def _change(base: CodeBase, run: Run) -> Change:
    yaml = settings_for(base, run.load)
    batched = yaml.replace(
        "    backends:\n", "    max_batch_size: 8\n    dynamic_batching: {max_queue_delay_microseconds: 0}\n    backends:\n", 1
    )
    text = (
        "Return one request for each box from a pipeline step: they are in flight together, and dynamic_batching joins them. "
        "The steps segment_regions, caption and answer of turnout-vision do so."
    )
    name = model_name(base, run.load)
    line = f'requests = [InferenceRequest({{"pixel_values": crop}}) for crop in crops]  # in preprocess() of a step for {name}'
    return Change(text, batched, line)


def _short(node: ast.expr) -> str:
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        return "..."
    return text if len(text) <= 60 else f"{text[:57]}..."


RULE = Rule(
    "loop-over-items",
    "medium",
    "The model sees one item at a time: the time is the sum, and a server or GPU never gets a batch.",
    _find,
)
