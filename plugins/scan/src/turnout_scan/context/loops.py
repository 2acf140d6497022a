"""Loops whose rounds each do the same with one more item: over boxes, crops, files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from turnout_scan.program.module import Module
from turnout_scan.program.scopes import COMPREHENSIONS, FUNCTIONS
from turnout_scan.values.call_sites import last_name

Loop = ast.For | ast.AsyncFor | ast.comprehension


@dataclass(frozen=True, slots=True, eq=False)
class ItemLoop:
    """A loop around a call.

    Attributes:
        node: the loop, or the comprehension.
        items: what it goes through, as the code says.
        variables: the names of an item.
    """

    node: ast.AST
    items: ast.expr
    variables: frozenset[str]


def loops_around(node: ast.AST, module: Module) -> Iterator[ItemLoop]:
    """Yield the loops with items in whose rounds ``node`` runs, the innermost first, within its function."""
    for parent, child in module.around(node):
        if isinstance(parent, (*FUNCTIONS, ast.ClassDef)):
            return
        if isinstance(parent, ast.For | ast.AsyncFor) and child in parent.body:
            yield ItemLoop(parent, parent.iter, frozenset(names_in(parent.target)))
        if isinstance(parent, COMPREHENSIONS):
            # The first one's items are made once, before the rounds.
            rounds = [one for one in parent.generators if one is not child]
            yield from (ItemLoop(parent, one.iter, frozenset(names_in(one.target))) for one in reversed(rounds))


def is_in_any_loop(node: ast.AST, module: Module) -> bool:
    """Return whether ``node`` runs in the rounds of a loop of its function, ``while`` included."""
    for parent, child in module.around(node):
        if isinstance(parent, (*FUNCTIONS, ast.ClassDef)):
            return False
        if isinstance(parent, ast.While) and (child in parent.body or child is parent.test) and not _leaves(parent):
            return True
    return next(loops_around(node, module), None) is not None


def depends_on_item(call: ast.Call, loop: ItemLoop) -> bool:
    """Return whether the arguments of ``call`` come from the loop's item, and not from its own result a round earlier."""
    used = {name for one in (*call.args, *(keyword.value for keyword in call.keywords)) for name in names_in(one)}
    own = _derived(loop, set(loop.variables))
    results = _derived(loop, set(), call) - loop.variables
    before = {name for name in used & results if not _is_set_before(loop, name, call)}
    return bool(used & own) and not before


def is_in_batches(loop: ItemLoop) -> bool:
    """Return whether the loop goes through batches: of a data loader, in steps of a range, or of a function that makes them."""
    items = loop.items
    if (
        isinstance(items, ast.Call)
        and last_name(items.func) in ("enumerate", "tqdm", "iter", "track", "zip", "islice")
        and items.args
    ):
        items = items.args[0]
    name = last_name(items.func if isinstance(items, ast.Call) else items).lower()
    if isinstance(items, ast.Call) and name == "range":
        return len(items.args) == 3
    return "loader" in name or "batch" in name or "chunk" in name or any("batch" in one.lower() for one in loop.variables)


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield the names that an expression has."""
    yield from (one.id for one in ast.walk(node) if isinstance(one, ast.Name))


def _derived(loop: ItemLoop, names: set[str], call: ast.Call | None = None) -> set[str]:
    """Return the names in the loop that are computed from ``names``, or from what ``call`` returns."""
    assigned = list(_assignments(loop.node))
    for _ in range(len(assigned)):
        size = len(names)
        for targets, value in assigned:
            if names & set(names_in(value)) or (call is not None and any(one is call for one in ast.walk(value))):
                names |= targets
        if len(names) == size:
            break
    return names


def _assignments(node: ast.AST) -> Iterator[tuple[set[str], ast.expr]]:
    for one in ast.walk(node):
        if isinstance(one, ast.Assign):
            yield {name for target in one.targets for name in names_in(target)}, one.value
        elif isinstance(one, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and one.value is not None:
            yield set(names_in(one.target)), one.value
        elif isinstance(one, ast.For | ast.comprehension) and one is not node:
            yield set(names_in(one.target)), one.iter
        elif isinstance(one, ast.withitem) and one.optional_vars is not None:
            yield set(names_in(one.optional_vars)), one.context_expr


def _is_set_before(loop: ItemLoop, name: str, call: ast.Call) -> bool:
    """Return whether each round sets ``name`` before ``call``: then it carries nothing from the round before."""
    place = (call.lineno, call.col_offset)
    return any(
        isinstance(one, ast.Assign)
        and (one.end_lineno or 0, one.end_col_offset or 0) <= place
        and any(isinstance(inner, ast.Name) and inner.id == name for target in one.targets for inner in ast.walk(target))
        for one in ast.walk(loop.node)
    )


def _leaves(loop: ast.While) -> bool:
    """Return whether the last statement of the loop leaves it: a retry, which runs once if all goes well."""
    return any(isinstance(one, ast.Return | ast.Break) for one in loop.body)
