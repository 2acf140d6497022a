"""The classes of the tree: their bases, methods and attributes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from turnout_scan.program.module import AttributeSet, Module
from turnout_scan.program.scopes import Function
from turnout_scan.values.asked import Asked
from turnout_scan.values.catalogue import MODULES
from turnout_scan.values.kinds import External, Instance, Items, Several, Tensor, TreeClass, TreeFunction, Value

_MOST_BASES = 30
_MOST_SETS = 100
_PROPERTIES = ("property", "cached_property")


def lineage(asked: Asked, of: TreeClass) -> list[TreeClass | External]:
    """Return the class with its bases, as far as they are known."""
    if of.node not in asked.lineages:
        asked.lineages[of.node] = []  # for a class that is a base of itself
        asked.lineages[of.node] = _lineage(asked, of)
    return asked.lineages[of.node]


def _lineage(asked: Asked, of: TreeClass) -> list[TreeClass | External]:
    found: list[TreeClass | External] = []
    waiting: list[Value | None] = [of]
    while waiting and len(found) < _MOST_BASES:
        one = waiting.pop(0)
        if one in found or not isinstance(one, TreeClass | External):
            continue
        found.append(one)
        if isinstance(one, TreeClass):
            waiting += [asked.value(base, one.module) for base in one.node.bases]
    return found


def is_torch_module(asked: Asked, of: TreeClass) -> bool:
    """Return whether instances of the class are torch modules."""
    return any(isinstance(one, External) and MODULES.fullmatch(one.name) for one in lineage(asked, of))


def find_method(asked: Asked, of: TreeClass, name: str) -> tuple[Module, Function] | None:
    """Return the function that the class or a base of it defines."""
    for one in lineage(asked, of):
        if isinstance(one, TreeClass):
            if one.node not in asked.methods:
                own = [node for node in one.node.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
                asked.methods[one.node] = {node.name: node for node in own}
            if name in asked.methods[one.node]:
                return one.module, asked.methods[one.node][name]
    return None


def instance_attribute(asked: Asked, of: TreeClass, name: str, sets: list[tuple[Module, AttributeSet]]) -> Value | None:
    """Return the value of an attribute of an instance; ``sets`` are the assignments to attributes of that name."""
    method = find_method(asked, of, name)
    if method is not None:
        function = TreeFunction(*method, Instance(of))
        return asked.returned(function) if _is_property(function.node) else function
    return next(_assigned(asked, of, sets), None) or next(_class_values(asked, of, name), None)


def unpack(value: Value | None, path: tuple[int, ...]) -> Value | None:
    """Return the item of ``value`` at ``path``."""
    for index in path:
        if isinstance(value, Several):
            value = value.values[index] if 0 <= index < len(value.values) else None
        elif isinstance(value, Items):
            value = value.value
        elif not isinstance(value, Tensor):
            return None
    return value


def assigned_value(asked: Asked, module: Module, one: AttributeSet) -> Value | None:
    """Return the value of an attribute after the assignment ``one``."""
    value = unpack(asked.value(one.value, module), one.path)
    return Items(value) if one.is_entry and value is not None else value


def _assigned(asked: Asked, of: TreeClass, sets: list[tuple[Module, AttributeSet]]) -> Iterator[Value]:
    for module, one in sets[:_MOST_SETS]:
        owner = asked.value(one.target.value, module)
        if isinstance(owner, Instance) and (of in lineage(asked, owner.of) or owner.of in lineage(asked, of)):
            value = assigned_value(asked, module, one)
            if value is not None:
                yield value


def _class_values(asked: Asked, of: TreeClass, name: str) -> Iterator[Value]:
    for one in lineage(asked, of):
        if isinstance(one, TreeClass):
            for binding in one.module.scopes[one.node].names.get(name, ()):
                value = asked.value(binding.value, one.module) if binding.value is not None else None
                if value is not None:
                    yield value


def _is_property(node: Function) -> bool:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    names = [one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in decorators]
    return any(name in _PROPERTIES for name in names)
