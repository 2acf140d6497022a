"""A module: its tree with parents and scopes, and the places in it as a reader counts them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from turnout_scan.program.scopes import (
    FUNCTIONS,
    SCOPES,
    Binding,
    Function,
    Scope,
    bindings_of,
    entries_of,
    parameters_of,
    targets_of,
)
from turnout_scan.sources.parse import ParsedFile


@dataclass(frozen=True, slots=True, eq=False)
class AttributeSet:
    """An assignment to an attribute: ``self.model = load()``; or to an entry of one: ``self.models["a"] = load()``."""

    target: ast.Attribute
    value: ast.expr
    path: tuple[int, ...]
    is_entry: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: line and column count from 1; in a notebook, the line is that in ``cell``."""

    line: int
    column: int
    cell: int | None = None


@dataclass(slots=True, eq=False)
class Module:
    """A parsed file with what is needed to follow its names.

    Attributes:
        names: its dotted name below the folder that it was found from.
        parents: the node around each node.
        fields: the field of its parent that holds a statement, such as ``body`` or ``orelse``.
        scopes: the scope that a node opens.
        calls: every call.
        sets: every assignment to an attribute.
        stars: the modules of ``from ... import *``.
    """

    source: ParsedFile
    names: tuple[str, ...]
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    fields: dict[ast.AST, str] = field(default_factory=dict)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    calls: list[ast.Call] = field(default_factory=list)
    sets: list[AttributeSet] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """Its file."""
        return self.source.file

    @property
    def is_notebook(self) -> bool:
        """True for a notebook, which runs top to bottom and is not imported."""
        return bool(self.source.cells) or self.file.suffix.lower() == ".ipynb"

    def place(self, node: ast.AST) -> Place:
        """Return where ``node`` begins."""
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        column = len(text.encode()[:offset].decode(errors="replace")) + 1
        if not self.is_notebook:
            return Place(line, column)
        cell, inner = self.source.cells[line - 1] if line <= len(self.source.cells) else (1, line)
        return Place(inner, column, cell)

    def around(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield each node around ``node`` from the inside, with the child on the way."""
        child = node
        while (parent := self.parents.get(child)) is not None:
            yield parent, child
            child = parent

    def scope(self, node: ast.AST) -> Scope:
        """Return the scope whose names ``node`` sees."""
        for parent, child in self.around(node):
            if parent in self.scopes and _is_inside(parent, child):
                return self.scopes[parent]
        return self.scopes[self.source.tree]

    def function(self, node: ast.AST) -> Function | None:
        """Return the innermost function that runs ``node``; None at the level of the module or of a class."""
        for parent, child in self.around(node):
            if isinstance(parent, FUNCTIONS) and _is_inside(parent, child):
                return parent
        return None

    def owner(self, function: ast.AST) -> ast.ClassDef | None:
        """Return the class whose method ``function`` is."""
        parent = self.parents.get(function)
        return parent if isinstance(parent, ast.ClassDef) else None

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the statement that ``node`` is part of."""
        if isinstance(node, ast.stmt):
            return node
        return next(parent for parent, _ in self.around(node) if isinstance(parent, ast.stmt))


def build_module(source: ParsedFile, names: tuple[str, ...]) -> Module:
    """Return the module of a parsed file."""
    module = Module(source, names, lines=source.text.split("\n"))
    module.scopes[source.tree] = top = Scope(source.tree, None)
    waiting: list[tuple[ast.AST, Scope]] = [(source.tree, top)]
    entries: list[tuple[Scope, str, Binding]] = []
    while waiting:
        node, scope = waiting.pop()
        _bind(module, node, scope)
        entries += [(scope, name, binding) for name, binding in entries_of(node)]
        inner = module.scopes.get(node, scope)
        for name, child in _children(node):
            if isinstance(child, ast.expr_context | ast.operator | ast.cmpop | ast.boolop | ast.unaryop):
                continue  # one object for all of its uses
            module.parents[child] = node
            if isinstance(child, ast.stmt):
                module.fields[child] = name
            around = inner if _is_inside(node, child) else scope
            if isinstance(child, SCOPES):
                module.scopes[child] = Scope(child, around, outer=_declared_global(child))
            waiting.append((child, around))
    _bind_entries(entries, top)
    for bindings in (binding for scope in module.scopes.values() for binding in scope.names.values()):
        bindings.sort(key=lambda binding: binding.end)
    # In this order what a name was bound to is known when it is used.
    module.calls.sort(key=lambda call: (call.end_lineno or 0, call.end_col_offset or 0))
    return module


def _bind_entries(entries: list[tuple[Scope, str, Binding]], top: Scope) -> None:
    for scope, name, binding in entries:
        # The name is bound where it is defined, which may be after the function that sets its entry.
        owner: Scope | None = scope
        while owner is not None and name not in owner.names:
            owner = owner.parent
        (owner or top).names.setdefault(name, []).append(binding)


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the nodes right below ``node``, each with the name of its field."""
    for name, value in ast.iter_fields(node):
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, ast.AST):
                yield name, one


def _bind(module: Module, node: ast.AST, scope: Scope) -> None:
    inner = module.scopes.get(node)
    if inner is not None and isinstance(node, FUNCTIONS):
        for name, binding in parameters_of(node):
            inner.bind(name, binding)
    for name, binding in bindings_of(node):
        scope.bind(name, binding)
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        star = "." * node.level + (node.module or "")
        module.stars += [star] if star not in module.stars else []
    if isinstance(node, ast.Call):
        module.calls.append(node)
    module.sets += _attribute_sets(node)


def _attribute_sets(node: ast.AST) -> Iterator[AttributeSet]:
    for target, how, value in targets_of(node):
        if value is None or how == "item":
            continue
        if isinstance(target, ast.Attribute):
            yield AttributeSet(target, value, ())
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Attribute):
            yield AttributeSet(target.value, value, (), is_entry=True)
        elif isinstance(target, ast.Tuple):
            yield from (
                AttributeSet(one, value, (index,)) for index, one in enumerate(target.elts) if isinstance(one, ast.Attribute)
            )


def _declared_global(node: ast.AST) -> set[str]:
    # Only those of the function itself and its blocks; a nested function has its own.
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    found, waiting = set[str](), list[ast.AST](node.body)
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Global):
            found |= set(one.names)
        elif isinstance(one, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(one, SCOPES):
            waiting += [child for child in ast.iter_child_nodes(one) if not isinstance(child, ast.expr)]
    return found


def _is_inside(parent: ast.AST, child: ast.AST) -> bool:
    """Return whether ``child`` sees the names of the scope that ``parent`` opens: defaults and decorators do not."""
    if isinstance(parent, ast.Lambda):
        return child is parent.body
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
        return isinstance(child, ast.stmt)
    if isinstance(parent, ast.ClassDef):
        return isinstance(child, ast.stmt)
    return True
