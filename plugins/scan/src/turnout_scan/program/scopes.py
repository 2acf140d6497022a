"""The scopes of a module and what each name in them is bound to; nothing is evaluated here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
How = Literal["value", "entry", "item", "enter", "import", "function", "class", "parameter", "nothing"]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (ast.Module, ast.ClassDef, *FUNCTIONS, *COMPREHENSIONS)


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place that gives a name a value.

    Attributes:
        how: the value itself, an entry of the mapping or list that the name is (``models["a"] = value``), an item of it, what
            ``with`` enters, an import, a definition, a parameter, or nothing known.
        node: the statement, parameter or expression that binds.
        value: the expression that the value comes from, if there is one.
        path: the indices by which a tuple is unpacked.
        imported: of an import, the module (with its leading dots) and the attribute, empty for the module itself.
    """

    how: How
    node: ast.AST
    value: ast.expr | None = None
    path: tuple[int, ...] = ()
    imported: tuple[str, str] = ("", "")

    @property
    def end(self) -> tuple[int, int]:
        """The position after which the name has this value."""
        node = self.node
        if isinstance(node, ast.For | ast.AsyncFor):
            return node.target.end_lineno or 0, node.target.end_col_offset or 0
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
            return node.end_lineno or 0, node.end_col_offset or 0
        return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


@dataclass(slots=True, eq=False)
class Scope:
    """A module, class, function or comprehension with the names that it binds."""

    node: ast.AST
    parent: Scope | None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)

    def bind(self, name: str, binding: Binding) -> None:
        """Add a binding, to the module if the name is declared ``global``."""
        self._owner(name).names.setdefault(name, []).append(binding)

    def _owner(self, name: str) -> Scope:
        scope = self
        if isinstance(scope.node, COMPREHENSIONS) and not _is_own_target(scope.node, name):
            # A walrus in a comprehension binds outside of it.
            while isinstance(scope.node, COMPREHENSIONS) and scope.parent is not None:
                scope = scope.parent
        if name in scope.outer:
            while scope.parent is not None:
                scope = scope.parent
        return scope


def _is_own_target(node: Comprehension, name: str) -> bool:
    targets = (inner for one in node.generators for inner in ast.walk(one.target))
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in targets)


def bindings_of(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    """Yield the names that ``node`` itself binds in the scope around it."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _imports(node)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name, Binding("function", node)
    elif isinstance(node, ast.ClassDef):
        yield node.name, Binding("class", node)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name, Binding("nothing", node)
    else:
        for target, how, value in targets_of(node):
            yield from ((name, Binding(how, node, value, path)) for name, path in _names(target))


def entries_of(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    """Yield the names that ``node`` sets an entry of: ``models["a"] = load()``."""
    for target, _, value in targets_of(node):
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            yield target.value.id, Binding("entry", node, value)


def targets_of(node: ast.AST) -> Iterator[tuple[ast.expr, How, ast.expr | None]]:
    """Yield the targets that ``node`` assigns to, with how and from which expression."""
    match node:
        case ast.Assign():
            yield from ((target, "value", node.value) for target in node.targets)
        case ast.AnnAssign() if node.value is not None:
            yield node.target, "value", node.value
        case ast.NamedExpr():
            yield node.target, "value", node.value
        case ast.AugAssign():
            yield node.target, "nothing", None
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            yield node.target, "item", node.iter
        case ast.With() | ast.AsyncWith():
            yield from ((item.optional_vars, "enter", item.context_expr) for item in node.items if item.optional_vars)


def parameters_of(node: Function) -> Iterator[tuple[str, Binding]]:
    """Yield the parameters of a function with their defaults."""
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
    pairs = [*zip(plain, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    yield from ((one.arg, Binding("parameter", one, default)) for one, default in pairs)
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            yield rest.arg, Binding("nothing", rest)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            yield alias.asname or alias.name, Binding("import", node, imported=(module, alias.name))
        return
    for alias in node.names:
        # ``import a.b`` binds a; ``import a.b as c`` binds a.b.
        module = alias.name if alias.asname else alias.name.partition(".")[0]
        yield alias.asname or module, Binding("import", node, imported=(module, ""))


def _names(target: ast.expr) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each name in an assignment's target with its place in the value."""
    waiting: list[tuple[ast.expr, tuple[int, ...]]] = [(target, ())]
    while waiting:
        one, path = waiting.pop()
        if isinstance(one, ast.Name):
            yield one.id, path
        elif isinstance(one, ast.Tuple | ast.List):
            waiting += [(inner, (*path, index)) for index, inner in enumerate(one.elts)]
        elif isinstance(one, ast.Starred):
            waiting.append((one.value, (*path, -1)))
