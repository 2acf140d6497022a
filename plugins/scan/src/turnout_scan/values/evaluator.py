"""Evaluate expressions without running them: names are followed through assignments, imports, functions and classes."""

from __future__ import annotations

import ast
import bisect
from collections.abc import Iterator

from turnout_scan.program.module import AttributeSet, Module
from turnout_scan.program.program import Program
from turnout_scan.program.scopes import COMPREHENSIONS, Binding, Function, Scope, parameters_of
from turnout_scan.values.attributes import attribute_value, index_attribute_sets
from turnout_scan.values.call_sites import CallSite, CallSites, find_call_sites
from turnout_scan.values.classes import find_method, unpack
from turnout_scan.values.composed import composed_value
from turnout_scan.values.imports import imported_value
from turnout_scan.values.kinds import External, Instance, Items, Several, Tensor, TreeClass, TreeFunction, TreeModule, Value
from turnout_scan.values.results import call_value
from turnout_scan.values.yielded import results_of

_DEEPEST = 60
_MOST_TRIES = 3
# Of a name that is bound again and again, only the last ones before a use are looked at.
_MOST_BINDINGS = 50


class Evaluator:
    """Values of the expressions of a program. What is not known is None; nothing raises for code that is wrong."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.sites: CallSites = find_call_sites(program.modules)
        self.sets: dict[str, list[tuple[Module, AttributeSet]]] = index_attribute_sets(program.modules)
        self._known: dict[object, Value | None] = {}
        self._open: set[object] = set()
        self._tries: dict[object, int] = {}
        self._cut = False
        self._results: dict[ast.AST, tuple[ast.expr, ...]] = {}
        self._ends: dict[int, list[tuple[int, int]]] = {}
        self.lineages: dict[ast.AST, list[TreeClass | External]] = {}
        self.methods: dict[ast.AST, dict[str, Function]] = {}

    def value(self, node: ast.expr, module: Module) -> Value | None:
        """Return the value of an expression; None if it is not known."""
        if node in self._known:
            return self._known[node]
        if node in self._open or len(self._open) > _DEEPEST:
            self._cut = True
            return None
        outer, self._cut = self._cut, False
        self._open.add(node)
        try:
            found = self._evaluate(node, module)
        except RecursionError:
            found, self._cut = None, True
        finally:
            self._open.discard(node)
        # What a circle hid may be found from elsewhere; a few tries, since circles multiply.
        self._tries[node] = self._tries.get(node, 0) + 1
        if found is not None or not self._cut or self._tries[node] >= _MOST_TRIES:
            self._known[node] = found
        self._cut = self._cut or outer
        return found

    def member(self, module: Module, name: str) -> Value | None:
        """Return the value of a name of a module; None if it is not known."""
        if (module, name) in self._open:
            self._cut = True
            return None
        self._open.add((module, name))
        try:
            scope = module.scopes[module.source.tree]
            found = self._first(scope.names.get(name, [])[::-1], scope, module, name)
            if found is not None:
                return found
            inner = self.program.subordinate(module, name)
            return TreeModule(inner) if inner is not None else self._starred(module, name)
        finally:
            self._open.discard((module, name))

    def returned(self, function: TreeFunction) -> Value | None:
        """Return the value that a function returns; None if it is not known."""
        if function.node not in self._results:
            self._results[function.node] = tuple(results_of(function.node))
        values = (self.value(result, function.module) for result in self._results[function.node])
        return next((one for one in values if one is not None), None)

    def calls_of(self, function: TreeFunction) -> Iterator[CallSite]:
        """Yield the places that call the function, or hand it to a thread."""
        node = function.node
        owner = function.module.owner(node)
        name = "" if isinstance(node, ast.Lambda) else node.name
        is_init = owner is not None and name == "__init__"
        for site in self.sites.of(owner.name if owner is not None and is_init else name):
            value = self.value(site.function, site.module)
            if isinstance(value, TreeClass) and is_init:
                method = find_method(self, value, name)
                called: ast.AST | None = method[1] if method is not None else None
            else:
                called = value.node if isinstance(value, TreeFunction) else None
            if called is node:
                yield site

    def _evaluate(self, node: ast.expr, module: Module) -> Value | None:
        if isinstance(node, ast.Name):
            return self._name(node, module)
        if isinstance(node, ast.Attribute):
            return attribute_value(self, node, module, self.sets)
        if isinstance(node, ast.Call):
            return call_value(self, node, module)
        return TreeFunction(module, node) if isinstance(node, ast.Lambda) else composed_value(self, node, module)

    def _name(self, node: ast.Name, module: Module) -> Value | None:
        start = scope = module.scope(node)
        while isinstance(start.node, COMPREHENSIONS) and start.parent is not None:
            start = start.parent
        at: Scope | None = scope
        while at is not None:
            hidden = isinstance(at.node, ast.ClassDef) and at is not scope
            if node.id in at.names and not hidden:
                bindings = at.names[node.id]
                if at is start or at is scope:
                    return self._nearest(node, bindings, at, module)
                return self._first(bindings[::-1], at, module, node.id)
            at = at.parent
        return self._starred(module, node.id) or External(node.id)

    def _nearest(self, node: ast.Name, bindings: list[Binding], scope: Scope, module: Module) -> Value | None:
        """Return the value of the last binding before ``node``; of those in other branches, the last that is known."""
        ends = self._ends_of(bindings)
        place = bisect.bisect_right(ends, (node.lineno, node.col_offset))
        before = bindings[max(0, place - _MOST_BINDINGS) : place]
        for one in reversed(before):
            found = self._bound(one, scope, module, node.id)
            if found is not None or _dominates(one.node, node, module):
                return found
        return None if before else self._first(bindings[::-1], scope, module, node.id)

    def _ends_of(self, bindings: list[Binding]) -> list[tuple[int, int]]:
        if id(bindings) not in self._ends:
            self._ends[id(bindings)] = [one.end for one in bindings]
        return self._ends[id(bindings)]

    def _first(self, bindings: list[Binding], scope: Scope, module: Module, name: str) -> Value | None:
        key = (scope, name)
        if key in self._known:
            return self._known[key]
        outer, self._cut = self._cut, False
        found = next((one for binding in bindings[:_MOST_BINDINGS] if (one := self._bound(binding, scope, module, name))), None)
        if found is not None or not self._cut:
            self._known[key] = found
        self._cut = self._cut or outer
        return found

    def _bound(self, binding: Binding, scope: Scope, module: Module, name: str) -> Value | None:
        node = binding.node
        if binding.how == "import":
            return imported_value(self, module, *binding.imported)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return TreeFunction(module, node)
        if isinstance(node, ast.ClassDef):
            return TreeClass(module, node)
        if binding.how == "parameter":
            return self._parameter(binding, scope, module, name)
        value = self.value(binding.value, module) if binding.value is not None else None
        if binding.how == "entry":
            return Items(value) if value is not None else None
        return unpack(_item(value) if binding.how == "item" else value, binding.path)

    def _parameter(self, binding: Binding, scope: Scope, module: Module, name: str) -> Value | None:
        if binding.node in self._open:
            self._cut = True
            return None
        self._open.add(binding.node)
        try:
            return next(self._arguments(binding, scope, module, name), None)
        finally:
            self._open.discard(binding.node)

    def _arguments(self, binding: Binding, scope: Scope, module: Module, name: str) -> Iterator[Value]:
        node = scope.node
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        names = [one for one, _ in parameters_of(node)]
        owner = module.owner(node)
        if owner is not None and not _is_static(node):
            if names and name == names[0]:
                yield Instance(TreeClass(module, owner))
                return
            names = names[1:]
        given = [
            (argument, site.module)
            for site in self.calls_of(TreeFunction(module, node))
            for argument in _given(site, names.index(name) if name in names else -1, name)
        ]
        for argument, at in [*given, *([(binding.value, module)] if binding.value is not None else [])]:
            value = self.value(argument, at)
            if value is not None:
                yield value

    def _starred(self, module: Module, name: str) -> Value | None:
        for star in module.stars:
            other = self.program.find(module, star)
            found = self.member(other, name) if other is not None and other is not module else None
            if found is not None:
                return found
        return None


def _given(site: CallSite, place: int, name: str) -> list[ast.expr]:
    """Return the argument of a call for the parameter at ``place``."""
    named = [one.value for one in site.keywords if one.arg == name]
    plain = [] if any(isinstance(one, ast.Starred) for one in site.arguments) else site.arguments
    return named or list(plain[place : place + 1] if place >= 0 else [])


def _item(value: Value | None) -> Value | None:
    if isinstance(value, Items):
        return value.value
    if isinstance(value, Several):
        return next((one for one in value.values if one is not None), None)
    return value if isinstance(value, Tensor) else None


def _dominates(binding: ast.AST, use: ast.AST, module: Module) -> bool:
    """Return whether control reaches ``use`` only through ``binding``: it is around it, or in a block around it."""
    statement = binding if isinstance(binding, ast.comprehension) else module.statement(_of_statement(binding, module))
    block, part = module.parents.get(statement), module.fields.get(statement)
    for parent, child in module.around(use):
        if parent is statement:
            return True
        if parent is block:
            return module.fields.get(child) == part
    return False


def _of_statement(node: ast.AST, module: Module) -> ast.AST:
    return node if isinstance(node, ast.stmt) else module.parents.get(node, node)


def _is_static(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in decorators)
