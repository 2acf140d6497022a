"""Torch modules that are run while torch records for gradients."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from turnout_scan.changes.calls import short_source
from turnout_scan.changes.change import Change
from turnout_scan.context.code_base import CodeBase
from turnout_scan.program.module import Module
from turnout_scan.rules.finding import Finding, Rule
from turnout_scan.values.call_sites import last_name
from turnout_scan.values.kinds import TORCH, External, TreeFunction

_OFF = frozenset({"no_grad", "inference_mode"})
_FROZEN = frozenset({"requires_grad_"})
_FARTHEST = 20


def _find(base: CodeBase) -> Iterator[Finding]:
    if _is_off_everywhere(base):
        return
    known: dict[ast.AST, bool] = {}
    for run in base.runs:
        # generate() has its own; requires_grad_(False) leaves nothing to record.
        frozen = base.has(run.load, _FROZEN)
        if run.load.family not in TORCH or run.method == "generate" or frozen or _is_off(base, run.call, run.module, known, 0):
            continue
        what = f"{run.load.title}() runs here with gradients recorded"
        line = f"with torch.inference_mode():\n    outputs = {short_source(run.call, 'model(inputs)')}"
        change = Change("Run it under inference_mode. The backend direct does so itself.", python=line)
        yield Finding(run.module, run.call, what, change)


def _is_off(base: CodeBase, node: ast.AST, module: Module, known: dict[ast.AST, bool], distance: int) -> bool:
    """Return whether gradients are off at ``node``: around it, by a decorator, or at every call of its function."""
    for parent, _ in module.around(node):
        if isinstance(parent, ast.With | ast.AsyncWith) and any(_turns_off(item.context_expr) for item in parent.items):
            return True
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_turns_off, parent.decorator_list)):
            return True
    function = module.function(node)
    if function is None or distance >= _FARTHEST:
        return False
    if function not in known:
        known[function] = False  # for a function that calls itself
        known[function] = _is_off_in(base, TreeFunction(module, function), known, distance)
    return known[function]


def _is_off_in(base: CodeBase, function: TreeFunction, known: dict[ast.AST, bool], distance: int) -> bool:
    """Return whether the function turns gradients off, or each of its callers does."""
    if any(_sets_off(one) for _, one in base.calls_in.get(function.node, [])):
        return True
    sites = list(base.evaluator.calls_of(function))
    return bool(sites) and all(_is_off(base, one.call, one.module, known, distance + 1) for one in sites)


def _turns_off(node: ast.expr) -> bool:
    name = last_name(node.func if isinstance(node, ast.Call) else node)
    return name in _OFF or (isinstance(node, ast.Call) and _sets_off(node))


def _sets_off(call: ast.Call) -> bool:
    is_false = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value is False
    return last_name(call.func) in ("set_grad_enabled", "_set_grad_enabled") and is_false


def _is_off_everywhere(base: CodeBase) -> bool:
    """Return whether a module turns gradients off for the process when it is imported."""
    for module in base.program.modules:
        for _, call in base.calls_in.get(module.source.tree, []):
            value = base.value(call.func, module)
            if isinstance(value, External) and value.name == "torch.set_grad_enabled" and _sets_off(call):
                return True
    return False


RULE = Rule(
    "missing-no-grad",
    "medium",
    "torch keeps every intermediate result for a backward pass that never comes: the call needs several times the memory.",
    _find,
)
