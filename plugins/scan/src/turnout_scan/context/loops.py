"""Loops whose rounds each do the same with one more item: over boxes, crops, files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from turnout_scan.program.module import Module
from turnout_scan.program.scopes import COMPREHENSIONS, FUNCTIONS
from turnout_scan.values.call_sites import last_name

_MOST_ASSIGNMENTS = 500
_MOST_ROUNDS = 20


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
        if isinstance(parent, ast.For | ast.AsyncFor) and module.fields.get(child) == "body":
            yield ItemLoop(parent, parent.iter, frozenset(names_in(parent.target)))
        if isinstance(parent, COMPREHENSIONS):
            # The first one's items are made once, before the rounds.
            rounds = [one for one in parent.generators if one is not child]
            yield from (ItemLoop(parent, one.iter, frozenset(names_in(one.target))) for one in reversed(rounds))


def is_in_any_loop(node: ast.AST, module: Module) -> bool:
    """Return whether ``node`` runs in the rounds of a loop of its function, ``while`` included."""
    for parent, child in module.around(node):
        if isinstance(parent, (*FUNCTIONS, ast.ClassDef)):
            break
        if (
            isinstance(parent, ast.While)
            and (module.fields.get(child) == "body" or child is parent.test)
            and not _leaves(parent)
        ):
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


@dataclass(frozen=True, slots=True, eq=False)
class _Assignment:
    """The names that a statement in a loop sets, the names and calls of its value, and where it ends."""

    targets: frozenset[str]
    used: frozenset[str]
    calls: frozenset[ast.Call]
    end: tuple[int, int]


def _derived(loop: ItemLoop, names: set[str], call: ast.Call | None = None) -> set[str]:
    """Return the names in the loop that are computed from ``names``, or from what ``call`` returns."""
    for _ in range(_MOST_ROUNDS):
        size = len(names)
        for one in _assignments(loop.node):
            if names & one.used or call in one.calls:
                names |= one.targets
        if len(names) == size:
            break
    return names


@lru_cache(maxsize=256)
def _assignments(node: ast.AST) -> tuple[_Assignment, ...]:
    """Return what the statements of a loop assign; of a very long loop, the first ones."""
    found = (pair for one in ast.walk(node) if one is not node for pair in _pairs(one))
    pairs = [*_pairs_of_comprehension(node), *islice(found, _MOST_ASSIGNMENTS)]
    return tuple(
        _Assignment(frozenset(names_in(target)), frozenset(names_in(value)), _calls(value), _end(value))
        for target, value in pairs
    )


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.For | ast.comprehension):
        yield node.target, node.iter
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield node.optional_vars, node.context_expr


def _pairs_of_comprehension(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, COMPREHENSIONS):
        yield from ((one.target, one.iter) for one in node.generators[1:])


def _calls(node: ast.expr) -> frozenset[ast.Call]:
    return frozenset(one for one in ast.walk(node) if isinstance(one, ast.Call))


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0


def _is_set_before(loop: ItemLoop, name: str, call: ast.Call) -> bool:
    """Return whether each round sets ``name`` before ``call``: then it carries nothing from the round before."""
    place = (call.lineno, call.col_offset)
    return any(name in one.targets and one.end <= place for one in _assignments(loop.node))


def _leaves(loop: ast.While) -> bool:
    """Return whether the last statement of the loop leaves it: a retry, which runs once if all goes well."""
    return any(isinstance(one, ast.Return | ast.Break) for one in loop.body)
