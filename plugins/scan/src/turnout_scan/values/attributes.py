"""The values of attributes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from turnout_scan.program.module import AttributeSet, Module
from turnout_scan.program.program import RUNTIMES
from turnout_scan.values.asked import Asked
from turnout_scan.values.catalogue import LEAVES_TORCH
from turnout_scan.values.classes import assigned_value, find_method, instance_attribute
from turnout_scan.values.kinds import (
    Bound,
    Client,
    External,
    Instance,
    Items,
    ItemsMethod,
    LoadedModel,
    Made,
    Processor,
    Tensor,
    TreeClass,
    TreeFunction,
    TreeModule,
    Value,
)

Sets = Mapping[str, list[tuple[Module, AttributeSet]]]
_PLAIN = frozenset({"shape", "device", "dtype", "ndim", "requires_grad", "is_cuda"})
# What is set on them belongs to one thread or request.
_LOCAL = frozenset({"threading.local", "contextvars.ContextVar", "gevent.local.local", "werkzeug.local.Local"})


def index_attribute_sets(modules: Iterable[Module]) -> dict[str, list[tuple[Module, AttributeSet]]]:
    """Return the assignments to attributes, by the attribute's name."""
    found: dict[str, list[tuple[Module, AttributeSet]]] = {}
    for module in modules:
        for one in module.sets:
            found.setdefault(one.target.attr, []).append((module, one))
    return found


def attribute_value(asked: Asked, node: ast.Attribute, module: Module, sets: Sets) -> Value | None:
    """Return the value of ``node``; None if it is not known."""
    owner, name = asked.value(node.value, module), node.attr
    match owner:
        case External():
            return _held(asked, node, module, sets) or _external(asked, module, f"{owner.name}.{name}")
        case TreeModule():
            return asked.member(owner.module, name)
        case TreeClass():
            method = find_method(asked, owner, name)
            return TreeFunction(*method) if method else instance_attribute(asked, owner, name, [])
        case Instance():
            return instance_attribute(asked, owner.of, name, sets.get(name, []))
        case LoadedModel() | Client():
            return owner if name == "module" else Bound(owner, name)
        case _:
            return _of_object(asked, owner, node, module, sets)


def _of_object(asked: Asked, owner: Value | None, node: ast.Attribute, module: Module, sets: Sets) -> Value | None:
    name = node.attr
    match owner:
        case Tensor():
            return None if name in LEAVES_TORCH or name in _PLAIN else owner
        case Processor():
            return owner
        case Items():
            return ItemsMethod(owner, name)
        case Made():
            held = None if owner.by in _LOCAL else _held(asked, node, module, sets)
            return held or External(f"{owner.by}.{name}")
        case _:
            return _held(asked, node, module, sets)


def _external(asked: Asked, module: Module, name: str) -> Value | None:
    found = None if name.partition(".")[0] in RUNTIMES else asked.program.find(module, name)
    return TreeModule(found) if found is not None else External(name)


def _held(asked: Asked, node: ast.Attribute, module: Module, sets: Sets) -> Value | None:
    """Return what was assigned to the same attribute of an object that is not known: ``app.state.model``."""
    if not isinstance(node.value, ast.Name | ast.Attribute):
        return None
    text = ast.unparse(node.value)
    for at, one in sets.get(node.attr, [])[:20]:
        other = one.target.value
        same = at is module and isinstance(other, ast.Name | ast.Attribute) and ast.unparse(other) == text
        state = (
            isinstance(other, ast.Attribute)
            and isinstance(node.value, ast.Attribute)
            and other.attr == node.value.attr == "state"
        )
        if (same and text != "self") or state:
            value = assigned_value(asked, at, one)
            if value is not None:
                return value
    return None
