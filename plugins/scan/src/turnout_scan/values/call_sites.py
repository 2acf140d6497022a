"""Where the functions of the tree are called, by their names: directly, or handed to a thread or an executor."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from turnout_scan.program.module import Module

# Of a name like get, only so many calls are looked at.
MOST_SITES = 200
# Which argument is the function, of those that run it elsewhere.
HAND_OVERS = {"submit": 0, "to_thread": 0, "run_in_threadpool": 0, "start_soon": 0, "run_sync": 0, "run_in_executor": 1}


@dataclass(frozen=True, slots=True, eq=False)
class CallSite:
    """A call of a function, or its hand-over with the arguments of a later call.

    Attributes:
        call, module: the call.
        function: the expression of the function.
        arguments, keywords: what the function gets.
        handed_over: the function runs in a thread, a process or a loop, not here.
    """

    call: ast.Call
    module: Module
    function: ast.expr
    arguments: Sequence[ast.expr]
    keywords: Sequence[ast.keyword] = ()
    handed_over: bool = False


@dataclass(slots=True, eq=False)
class CallSites:
    """Every call of the program, by the last name of its function."""

    by_name: dict[str, list[CallSite]] = field(default_factory=dict)

    def of(self, name: str) -> Sequence[CallSite]:
        """Return the calls of anything with this name, at most ``MOST_SITES``."""
        return self.by_name.get(name, ())[:MOST_SITES]


def find_call_sites(modules: Iterable[Module]) -> CallSites:
    """Return the calls in ``modules``."""
    sites = CallSites()
    for module in modules:
        aliases = _aliases(module)
        for call in module.calls:
            for site in _sites(call, module):
                name = last_name(site.function)
                for one in {name, *aliases.get(name, ())}:
                    sites.by_name.setdefault(one, []).append(site)
    return sites


def _aliases(module: Module) -> dict[str, set[str]]:
    """Return the names that a name of the module has elsewhere: by ``import ... as``, or by an assignment."""
    found: dict[str, set[str]] = {}
    for scope in module.scopes.values():
        for name, bindings in scope.names.items():
            for binding in bindings:
                other = binding.imported[1] if binding.how == "import" else ""
                if binding.how == "value" and isinstance(binding.value, ast.Name | ast.Attribute):
                    other = last_name(binding.value)
                if other and other != name:
                    found.setdefault(name, set()).add(other)
    return found


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name; empty for another expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _sites(call: ast.Call, module: Module) -> Iterator[CallSite]:
    yield CallSite(call, module, call.func, call.args, call.keywords)
    name = last_name(call.func)
    if name in ("Thread", "Process", "Timer"):
        given = {one.arg: one.value for one in call.keywords}
        target, arguments = given.get("target") or given.get("function"), given.get("args")
        if target is not None:
            elements = arguments.elts if isinstance(arguments, ast.Tuple | ast.List) else ()
            yield CallSite(call, module, target, elements, handed_over=True)
    place = HAND_OVERS.get(name)
    if place is not None and len(call.args) > place:
        yield CallSite(call, module, call.args[place], call.args[place + 1 :], call.keywords, handed_over=True)
