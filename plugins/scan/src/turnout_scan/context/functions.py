"""The functions of the tree, which of them call which, and which keep what they return."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from turnout_scan.program.module import Module
from turnout_scan.program.scopes import FUNCTIONS
from turnout_scan.values.call_sites import last_name
from turnout_scan.values.classes import find_method
from turnout_scan.values.evaluator import Evaluator
from turnout_scan.values.kinds import TreeClass, TreeFunction
from turnout_scan.values.yielded import own_nodes

_CACHES = frozenset(
    {"lru_cache", "cache", "cached_property", "cache_resource", "cached", "singleton", "memoize", "experimental_singleton"}
)
_STARTS = ("__init__", "__post_init__", "__new__")


def is_cached(function: ast.AST) -> bool:
    """Return whether a decorator keeps what the function returned."""
    decorators = getattr(function, "decorator_list", [])
    return any(last_name(one.func if isinstance(one, ast.Call) else one) in _CACHES for one in decorators)


def is_guarded(module: Module, node: ast.AST) -> bool:
    """Return whether ``node`` runs only while something is missing: ``if model is None``, ``except KeyError``."""
    for parent, child in module.around(node):
        if isinstance(parent, FUNCTIONS):
            break
        if isinstance(parent, ast.If) and child is not parent.test and _asks_for_missing(parent.test):
            return True
        if isinstance(parent, ast.ExceptHandler):
            return True
    function = module.function(node)
    return function is not None and not isinstance(function, ast.Lambda) and _returns_early(function, node)


def _asks_for_missing(test: ast.expr) -> bool:
    """Return whether a condition is one of a cache: ``is None``, ``not x``, ``not in``, ``hasattr``."""
    for one in ast.walk(test):
        if isinstance(one, ast.Compare) and isinstance(one.ops[0], ast.Is | ast.NotIn):
            return True
        if isinstance(one, ast.UnaryOp) and isinstance(one.op, ast.Not):
            return True
    return False


def _returns_early(function: ast.FunctionDef | ast.AsyncFunctionDef, node: ast.AST) -> bool:
    """Return whether the function returns what it has before it comes to ``node``: ``if model is not None: return model``."""
    return any(line < getattr(node, "lineno", 0) for line in _early_returns(function))


@lru_cache(maxsize=1024)
def _early_returns(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, ...]:
    return tuple(
        one.lineno
        for one in own_nodes(function)
        if isinstance(one, ast.If)
        and any(isinstance(inner, ast.Return) and inner.value is not None for inner in one.body)
        and any(isinstance(inner, ast.IsNot | ast.In) for inner in ast.walk(one.test))
    )


def called_functions(
    evaluator: Evaluator, module: Module, calls: Iterable[ast.Call]
) -> Iterator[tuple[ast.Call, TreeFunction]]:
    """Yield the functions of the tree that ``calls`` of a module run, with the call."""
    for call in calls:
        value = evaluator.value(call.func, module)
        if isinstance(value, TreeFunction):
            yield call, value
        elif isinstance(value, TreeClass):
            for name in _STARTS:
                method = find_method(evaluator, value, name)
                if method is not None:
                    yield call, TreeFunction(*method)


def is_main_guard(node: ast.AST) -> bool:
    """Return whether ``node`` is ``if __name__ == "__main__"`` or ``if TYPE_CHECKING``."""
    if not isinstance(node, ast.If):
        return False
    names = {one.id for one in ast.walk(node.test) if isinstance(one, ast.Name)}
    return bool(names & {"__name__", "TYPE_CHECKING"})
