"""The expressions that a function gives back."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from turnout_scan.program.scopes import FUNCTIONS, Function


def results_of(node: Function) -> Iterator[ast.expr]:
    """Yield what the function returns or yields, the last first; not what functions in it do."""
    if isinstance(node, ast.Lambda):
        yield node.body
        return
    yield from reversed([one.value for one in own_nodes(node) if isinstance(one, ast.Return | ast.Yield) and one.value])


def own_nodes(node: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function in the order of their lines, without those of functions and classes in it."""
    waiting: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(reversed(node.body))
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, (*FUNCTIONS, ast.ClassDef)):
            waiting += reversed(list(ast.iter_child_nodes(one)))
